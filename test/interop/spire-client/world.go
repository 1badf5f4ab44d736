package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	svidv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/svid/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// world is a server under test, and one connection for each class of caller.
type world struct {
	server      string
	trustDomain spiffeid.TrustDomain
	bundle      *x509bundle.Bundle
	conns       map[string]*grpc.ClientConn
	opened      []*grpc.ClientConn
	agent       *identity
	fresh       int
}

// identity is an X509-SVID with its key.
type identity struct {
	id    string
	chain [][]byte
	key   crypto.Signer
}

var callerClasses = []string{"local", "anonymous", "agent", "workload", "admin", "downstream"}

func newWorld(ctx context.Context, server, socket, trustDomain string) (*world, error) {
	td, err := spiffeid.TrustDomainFromString(trustDomain)
	if err != nil {
		return nil, err
	}
	w := &world{server: server, trustDomain: td, conns: map[string]*grpc.ClientConn{}}
	local, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	w.opened = append(w.opened, local)
	w.conns["local"] = local
	if err := w.readBundle(ctx); err != nil {
		return nil, err
	}
	w.conns["anonymous"] = w.dial(nil)
	if w.agent, err = w.attest(ctx, w.nextName("agent")); err != nil {
		return nil, err
	}
	w.conns["agent"] = w.dial(w.agent)
	for n, class := range []string{"workload", "admin", "downstream"} {
		entry := &types.Entry{
			SpiffeId: w.id("/caller/" + class), ParentId: w.idOf(w.agent), Selectors: []*types.Selector{{Type: "unix", Value: "uid:0"}},
			Admin: class == "admin", Downstream: class == "downstream",
		}
		id, err := w.createEntry(ctx, entry)
		if err != nil {
			return nil, err
		}
		if err := w.whenAuthorized(ctx, w.conns["agent"], n+1); err != nil {
			return nil, err
		}
		svid, err := w.signX509(ctx, w.conns["agent"], id)
		if err != nil {
			return nil, err
		}
		w.conns[class] = w.dial(svid)
	}
	return w, nil
}

func (w *world) close() {
	for _, conn := range w.opened {
		_ = conn.Close()
	}
}

func (w *world) nextName(kind string) string {
	w.fresh++
	return fmt.Sprintf("%s-%d", kind, w.fresh)
}

func (w *world) id(path string) *types.SPIFFEID {
	return &types.SPIFFEID{TrustDomain: w.trustDomain.Name(), Path: path}
}

func (w *world) idOf(one *identity) *types.SPIFFEID {
	id := spiffeid.RequireFromString(one.id)
	return &types.SPIFFEID{TrustDomain: id.TrustDomain().Name(), Path: id.Path()}
}

func (w *world) readBundle(ctx context.Context) error {
	bundle, err := bundlev1.NewBundleClient(w.conns["local"]).GetBundle(ctx, &bundlev1.GetBundleRequest{})
	if err != nil {
		return err
	}
	w.bundle = x509bundle.New(w.trustDomain)
	for _, authority := range bundle.X509Authorities {
		certificate, err := x509.ParseCertificate(authority.Asn1)
		if err != nil {
			return err
		}
		w.bundle.AddX509Authority(certificate)
	}
	return nil
}

// dial makes a connection that shows an identity, or nothing.
func (w *world) dial(one *identity) *grpc.ClientConn {
	serverID := spiffeid.RequireFromPath(w.trustDomain, "/spire/server")
	config := tlsconfig.TLSClientConfig(w.bundle, tlsconfig.AuthorizeID(serverID))
	if one != nil {
		config.Certificates = []tls.Certificate{{Certificate: one.chain, PrivateKey: one.key}}
	}
	conn, err := grpc.NewClient(w.server, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		panic(err)
	}
	w.opened = append(w.opened, conn)
	return conn
}

func newCSR() (*ecdsa.PrivateKey, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{Country: []string{"US"}, Organization: []string{"SPIRE"}}}
	csr, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		panic(err)
	}
	return key, csr
}

// attest makes a join token of this name and uses it.
func (w *world) attest(ctx context.Context, token string) (*identity, error) {
	made, err := agentv1.NewAgentClient(w.conns["local"]).CreateJoinToken(ctx, &agentv1.CreateJoinTokenRequest{Ttl: 600, Token: token})
	if err != nil {
		return nil, err
	}
	return w.attestWith(ctx, made.Value)
}

func (w *world) attestWith(ctx context.Context, token string) (*identity, error) {
	key, csr := newCSR()
	result, err := w.attestRaw(ctx, &agentv1.AttestAgentRequest_Params{
		Data:   &types.AttestationData{Type: "join_token", Payload: []byte(token)},
		Params: &agentv1.AgentX509SVIDParams{Csr: csr},
	})
	if err != nil {
		return nil, err
	}
	return newIdentity(result.Svid, key)
}

func (w *world) attestRaw(ctx context.Context, params *agentv1.AttestAgentRequest_Params) (*agentv1.AttestAgentResponse_Result, error) {
	stream, err := agentv1.NewAgentClient(w.conns["anonymous"]).AttestAgent(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(&agentv1.AttestAgentRequest{Step: &agentv1.AttestAgentRequest_Params_{Params: params}}); err != nil && err != io.EOF {
		return nil, err
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if answer.GetResult() == nil {
		return nil, fmt.Errorf("no result: %v", answer)
	}
	if _, err := stream.Recv(); err != io.EOF {
		return nil, fmt.Errorf("the stream ended with %v, not with OK", err)
	}
	return answer.GetResult(), nil
}

func newIdentity(svid *types.X509SVID, key crypto.Signer) (*identity, error) {
	if svid == nil || len(svid.CertChain) == 0 {
		return nil, fmt.Errorf("no SVID")
	}
	leaf, err := x509.ParseCertificate(svid.CertChain[0])
	if err != nil {
		return nil, err
	}
	if len(leaf.URIs) != 1 {
		return nil, fmt.Errorf("%d URI SANs", len(leaf.URIs))
	}
	id := "spiffe://" + svid.Id.TrustDomain + svid.Id.Path
	if leaf.URIs[0].String() != id {
		return nil, fmt.Errorf("certificate of %s answered as %s", leaf.URIs[0], id)
	}
	if !leaf.PublicKey.(*ecdsa.PublicKey).Equal(key.Public()) {
		return nil, fmt.Errorf("the certificate has another key")
	}
	if leaf.NotAfter.Unix() != svid.ExpiresAt {
		return nil, fmt.Errorf("expires at %d, answered %d", leaf.NotAfter.Unix(), svid.ExpiresAt)
	}
	return &identity{id: id, chain: svid.CertChain, key: key}, nil
}

func (w *world) createEntry(ctx context.Context, entry *types.Entry) (string, error) {
	answer, err := entryv1.NewEntryClient(w.conns["local"]).BatchCreateEntry(ctx, &entryv1.BatchCreateEntryRequest{Entries: []*types.Entry{entry}})
	if err != nil {
		return "", err
	}
	if len(answer.Results) != 1 || answer.Results[0].Status.GetCode() != 0 {
		return "", fmt.Errorf("not created: %v", answer.Results)
	}
	return answer.Results[0].Entry.Id, nil
}

// whenAuthorized waits until an agent may serve so many entries: at once here, within seconds at a SPIRE server.
func (w *world) whenAuthorized(ctx context.Context, conn *grpc.ClientConn, count int) error {
	for until := time.Now().Add(15 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		answer, err := entryv1.NewEntryClient(conn).GetAuthorizedEntries(ctx, &entryv1.GetAuthorizedEntriesRequest{OutputMask: &types.EntryMask{}})
		if err != nil {
			return err
		}
		if len(answer.Entries) == count {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d entries are authorized, expected %d", len(answer.Entries), count)
		}
	}
}

func (w *world) signX509(ctx context.Context, conn *grpc.ClientConn, entryID string) (*identity, error) {
	key, csr := newCSR()
	answer, err := svidv1.NewSVIDClient(conn).BatchNewX509SVID(ctx, &svidv1.BatchNewX509SVIDRequest{
		Params: []*svidv1.NewX509SVIDParams{{EntryId: entryID, Csr: csr}},
	})
	if err != nil {
		return nil, err
	}
	if len(answer.Results) != 1 || answer.Results[0].Status.GetCode() != 0 {
		return nil, fmt.Errorf("not signed: %v", answer.Results)
	}
	return newIdentity(answer.Results[0].Svid, key)
}
