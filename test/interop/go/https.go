package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

// serveHTTPS is net/http, which offers HTTP/1.1 and HTTP/2.
func (c *conversation) serveHTTPS(words []string) error {
	peer, err := spiffeid.FromString(words[0])
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{
		TLSConfig:         tlsconfig.MTLSServerConfig(c.x509, c.x509, tlsconfig.AuthorizeID(peer)),
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
			id, err := x509svid.IDFromCert(request.TLS.PeerCertificates[0])
			if err != nil {
				http.Error(writer, err.Error(), http.StatusForbidden)
				return
			}
			fmt.Fprintf(writer, "hello %s over %s", id, request.Proto)
		}),
	}
	report("listening", map[string]any{"address": listener.Addr().String()})
	go func() {
		if err := server.ServeTLS(listener, "", ""); err != nil {
			report("failed", map[string]any{"error": err.Error()})
		}
	}()
	return nil
}

func (c *conversation) get(words []string) error {
	peer, err := spiffeid.FromString(words[1])
	if err != nil {
		return err
	}
	transport := &http.Transport{
		TLSClientConfig:   tlsconfig.MTLSClientConfig(c.x509, c.x509, tlsconfig.AuthorizeID(peer)),
		ForceAttemptHTTP2: true,
	}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Get(words[0])
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	report("called", map[string]any{"greeting": strings.TrimSpace(string(body)), "protocol": response.Proto})
	return nil
}
