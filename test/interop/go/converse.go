package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc/status"
)

// conversation is the workload that ../workload.ts talks to, on one source for all of its life.
type conversation struct {
	ctx    context.Context
	client *workloadapi.Client
	x509   *workloadapi.X509Source
}

func converse(ctx context.Context) error {
	// The address is SPIFFE_ENDPOINT_SOCKET's.
	client, err := workloadapi.New(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	c := &conversation{ctx: ctx, client: client}
	commands := map[string]func(words []string) error{
		"fetch":       c.fetch,
		"open":        c.open,
		"bundles":     c.bundles,
		"jwt":         c.jwt,
		"validate":    c.validate,
		"serve":       c.serve,
		"call":        c.call,
		"serve-https": c.serveHTTPS,
		"get":         c.get,
	}
	report("ready", nil)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if err := commands[words[0]](words[1:]); err != nil {
			report("refused", map[string]any{"error": err.Error(), "code": status.Code(err).String()})
		}
	}
	return lines.Err()
}

func (c *conversation) fetch(_ []string) error {
	x509, err := c.client.FetchX509Context(c.ctx)
	if err != nil {
		return err
	}
	ids := []string{}
	for _, svid := range x509.SVIDs {
		ids = append(ids, svid.ID.String())
	}
	report("fetched", map[string]any{"ids": ids})
	return nil
}

func (c *conversation) open(_ []string) error {
	source, err := workloadapi.NewX509Source(c.ctx, workloadapi.WithClient(c.client))
	if err != nil {
		return err
	}
	c.x509 = source
	if err := c.reportUpdate(); err != nil {
		return err
	}
	go func() {
		for source.WaitUntilUpdated(c.ctx) == nil {
			if err := c.reportUpdate(); err != nil {
				report("failed", map[string]any{"error": err.Error()})
			}
		}
	}()
	return nil
}

func (c *conversation) reportUpdate() error {
	svid, err := c.x509.GetX509SVID()
	if err != nil {
		return err
	}
	bundle, err := c.x509.GetX509BundleForTrustDomain(svid.ID.TrustDomain())
	if err != nil {
		return err
	}
	report("update", map[string]any{
		"id": svid.ID.String(), "leaf": encode(svid.Certificates[0].Raw), "authorities": len(bundle.X509Authorities()),
	})
	return nil
}

func (c *conversation) bundles(_ []string) error {
	x509, err := c.client.FetchX509Bundles(c.ctx)
	if err != nil {
		return err
	}
	jwt, err := c.client.FetchJWTBundles(c.ctx)
	if err != nil {
		return err
	}
	found := map[string][2]int{}
	for _, bundle := range x509.Bundles() {
		keys, _ := jwt.Get(bundle.TrustDomain())
		found[bundle.TrustDomain().Name()] = [2]int{len(bundle.X509Authorities()), len(keys.JWTAuthorities())}
	}
	report("bundles", map[string]any{"bundles": found})
	return nil
}

func (c *conversation) jwt(words []string) error {
	svid, err := c.client.FetchJWTSVID(c.ctx, jwtsvid.Params{Audience: words[0]})
	if err != nil {
		return err
	}
	report("jwt", map[string]any{"id": svid.ID.String(), "token": svid.Marshal()})
	return nil
}

// validate judges somebody else's token, here and by the agent.
func (c *conversation) validate(words []string) error {
	bundles, err := c.client.FetchJWTBundles(c.ctx)
	if err != nil {
		return err
	}
	local, err := jwtsvid.ParseAndValidate(words[1], bundles, []string{words[0]})
	report("local", verdict(local, err))
	remote, err := c.client.ValidateJWTSVID(c.ctx, words[1], words[0])
	report("remote", verdict(remote, err))
	return nil
}

func verdict(svid *jwtsvid.SVID, err error) map[string]any {
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	return map[string]any{"id": svid.ID.String()}
}

func (c *conversation) serve(words []string) error {
	peer, err := spiffeid.FromString(words[0])
	if err != nil {
		return err
	}
	mode := spiffetls.MTLSServerWithSource(tlsconfig.AuthorizeID(peer), c.x509)
	listener, err := spiffetls.ListenWithMode(c.ctx, "tcp", "127.0.0.1:0", mode)
	if err != nil {
		return err
	}
	report("listening", map[string]any{"address": listener.Addr().String()})
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				if err := greetLines(connection); err != nil {
					report("turned-away", map[string]any{"error": err.Error()})
				}
			}()
		}
	}()
	return nil
}

// greetLines answers each line with the SPIFFE ID of who sent it.
func greetLines(connection net.Conn) error {
	lines := bufio.NewScanner(connection)
	for lines.Scan() {
		id, err := spiffetls.PeerIDFromConn(connection)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(connection, "hello %s\n", id); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (c *conversation) call(words []string) error {
	peer, err := spiffeid.FromString(words[1])
	if err != nil {
		return err
	}
	mode := spiffetls.MTLSClientWithSource(tlsconfig.AuthorizeID(peer), c.x509)
	connection, err := spiffetls.DialWithMode(c.ctx, "tcp", words[0], mode)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(connection, "hello"); err != nil {
		return err
	}
	greeting, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return err
	}
	report("called", map[string]any{"greeting": strings.TrimSpace(greeting)})
	return nil
}

func encode(der []byte) string {
	return base64.StdEncoding.EncodeToString(der)
}
