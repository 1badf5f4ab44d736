package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

func source(ctx context.Context, chosen options) (*workloadapi.X509Source, tlsconfig.Authorizer, error) {
	peer, err := spiffeid.FromString(chosen.peer)
	if err != nil {
		return nil, nil, err
	}
	made, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(workloadapi.WithAddr(chosen.socket)))
	return made, tlsconfig.AuthorizeID(peer), err
}

// serve greets so many peers over mutual TLS, each by the SPIFFE ID it proved.
func serve(ctx context.Context, chosen options) error {
	x509, authorize, err := source(ctx, chosen)
	if err != nil {
		return err
	}
	defer x509.Close()
	mode := spiffetls.MTLSServerWithSource(authorize, x509)
	listener, err := spiffetls.ListenWithMode(ctx, "tcp", chosen.address, mode)
	if err != nil {
		return err
	}
	defer listener.Close()
	report("listening", map[string]any{"address": listener.Addr().String()})
	for served := 0; served < chosen.requests; served++ {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		if err := greet(connection); err != nil {
			report("refused_peer", map[string]any{"error": err.Error()})
		}
	}
	return nil
}

func greet(connection net.Conn) error {
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	// The handshake is done by the first read.
	if _, err := io.ReadFull(connection, make([]byte, 1)); err != nil {
		return err
	}
	id, err := spiffetls.PeerIDFromConn(connection)
	if err != nil {
		return err
	}
	report("served", map[string]any{"peer": id.String()})
	_, err = fmt.Fprintf(connection, "hello %s", id)
	return err
}

// call dials so many times, a new handshake each.
func call(ctx context.Context, chosen options) error {
	x509, authorize, err := source(ctx, chosen)
	if err != nil {
		return err
	}
	defer x509.Close()
	for made := 0; made < chosen.requests; made++ {
		greeting, err := ask(ctx, chosen.address, spiffetls.MTLSClientWithSource(authorize, x509))
		if err != nil {
			return err
		}
		report("called", map[string]any{"greeting": greeting})
	}
	return nil
}

func ask(ctx context.Context, address string, mode spiffetls.DialMode) (string, error) {
	connection, err := spiffetls.DialWithMode(ctx, "tcp", address, mode)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	if _, err := connection.Write([]byte{1}); err != nil {
		return "", err
	}
	greeting, err := io.ReadAll(connection)
	return string(greeting), err
}
