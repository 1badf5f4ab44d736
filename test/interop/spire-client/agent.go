package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	svidv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/svid/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// agentMask is what a SPIRE agent asks for.
var agentMask = &types.EntryMask{
	SpiffeId: true, Selectors: true, FederatesWith: true, Admin: true, Downstream: true, RevisionNumber: true,
	StoreSvid: true, Hint: true, AdditionalAttributes: true, CreatedAt: true,
}

var agentChecks = []check{
	{"attests once with a token", attestsOnce},
	{"is told what is wrong with a malformed attestation", malformedAttestations},
	{"reads a bundle that verifies its own SVID", readsBundle},
	{"reads a small set at once", readsWhole},
	{"reads a large set in pages", readsPages},
	{"is refused an impossible first message", refusesFirstMessages},
	{"reads the same set with GetAuthorizedEntries", readsGetAuthorized},
	{"signs a batch, and is told of each item", signsBatch},
	{"gets a JWT-SVID", getsJWT},
	{"renews in two phases", renews},
	{"reports its version", postsStatus},
	{"is told that it is banned, by every method", isBanned},
	{"is told that it is evicted, and attests again", isEvicted},
}

func attestsOnce(ctx context.Context, w *world) error {
	token := w.nextName("once")
	one, err := w.attest(ctx, token)
	if err != nil {
		return err
	}
	_, again := w.attestWith(ctx, token)
	_, unknown := w.attestWith(ctx, "nobody-made-this")
	return first(
		expect("id", one.id, "spiffe://"+w.trustDomain.Name()+"/spire/agent/join_token/"+token),
		expectStatus(again, codes.InvalidArgument, "join token does not exist or has already been used"),
		expectStatus(unknown, codes.InvalidArgument, "join token does not exist or has already been used"),
	)
}

func malformedAttestations(ctx context.Context, w *world) error {
	_, csr := newCSR()
	data := func(kind, payload string) *types.AttestationData {
		return &types.AttestationData{Type: kind, Payload: []byte(payload)}
	}
	params := &agentv1.AgentX509SVIDParams{Csr: csr}
	type Params = agentv1.AttestAgentRequest_Params
	for _, one := range []struct {
		params *Params
		code   codes.Code
		text   string
	}{
		{&Params{Params: params}, codes.InvalidArgument, "malformed param: missing attestation data"},
		{&Params{Data: data("join_token", "x")}, codes.InvalidArgument, "malformed param: missing X509-SVID parameters"},
		{&Params{Data: data("join_token", "x"), Params: &agentv1.AgentX509SVIDParams{}}, codes.InvalidArgument, "malformed param: missing CSR"},
		{&Params{Data: data("", "x"), Params: params}, codes.InvalidArgument, "malformed param: missing attestation data type"},
		{&Params{Data: data("join_token", ""), Params: params}, codes.InvalidArgument, "malformed param: missing attestation data payload"},
		{&Params{Data: data("no_such_attestor", "x"), Params: params}, codes.FailedPrecondition, ""},
	} {
		_, err := w.attestRaw(ctx, one.params)
		if err := expectStatus(err, one.code, one.text); err != nil {
			return err
		}
	}
	token := w.nextName("kept")
	made, err := agentv1.NewAgentClient(w.conns["local"]).CreateJoinToken(ctx, &agentv1.CreateJoinTokenRequest{Ttl: 60, Token: token})
	if err != nil {
		return err
	}
	_, err = w.attestRaw(ctx, &Params{Data: data("join_token", made.Value), Params: &agentv1.AgentX509SVIDParams{Csr: []byte("no CSR")}})
	if err := expectStatus(err, codes.InvalidArgument, ""); err != nil {
		return err
	}
	_, err = w.attestWith(ctx, made.Value)
	return err
}

func readsBundle(ctx context.Context, w *world) error {
	client := bundlev1.NewBundleClient(w.conns["agent"])
	bundle, err := client.GetBundle(ctx, &bundlev1.GetBundleRequest{})
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	for _, authority := range bundle.X509Authorities {
		certificate, err := x509.ParseCertificate(authority.Asn1)
		if err != nil {
			return err
		}
		roots.AddCert(certificate)
	}
	leaf, err := x509.ParseCertificate(w.agent.chain[0])
	if err != nil {
		return err
	}
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: usages}); err != nil {
		return err
	}
	for _, key := range bundle.JwtAuthorities {
		if _, err := x509.ParsePKIXPublicKey(key.PublicKey); err != nil || key.KeyId == "" || key.ExpiresAt == 0 {
			return fmt.Errorf("JWT authority %v: %v", key, err)
		}
	}
	masked, err := client.GetBundle(ctx, &bundlev1.GetBundleRequest{OutputMask: &types.BundleMask{SequenceNumber: true}})
	if err != nil {
		return err
	}
	return first(
		expect("trust domain", bundle.TrustDomain, w.trustDomain.Name()),
		expect("has JWT authorities", len(bundle.JwtAuthorities) > 0, true),
		expect("masked authorities", len(masked.X509Authorities)+len(masked.JwtAuthorities), 0),
		expect("sequence number", masked.SequenceNumber, bundle.SequenceNumber),
		expect("masked trust domain", masked.TrustDomain, w.trustDomain.Name()),
	)
}

// agentWith attests an agent and creates that many entries under it.
func (w *world) agentWith(ctx context.Context, count int) (*identity, []string, error) {
	one, err := w.attest(ctx, w.nextName("agent"))
	if err != nil {
		return nil, nil, err
	}
	var ids []string
	for from := 0; from < count; from += 500 {
		request := &entryv1.BatchCreateEntryRequest{}
		for n := from; n < min(count, from+500); n++ {
			request.Entries = append(request.Entries, &types.Entry{
				SpiffeId: w.id(fmt.Sprintf("/w/%s/%d", strings.TrimPrefix(w.idOf(one).Path, "/spire/"), n)),
				ParentId: w.idOf(one), Selectors: []*types.Selector{{Type: "unix", Value: fmt.Sprintf("uid:%d", n)}},
				DnsNames: []string{fmt.Sprintf("w%d.test", n)},
			})
		}
		answer, err := entryv1.NewEntryClient(w.conns["local"]).BatchCreateEntry(ctx, request)
		if err != nil {
			return nil, nil, err
		}
		for _, result := range answer.Results {
			if result.Status.Code != 0 {
				return nil, nil, fmt.Errorf("not created: %v", result.Status)
			}
			ids = append(ids, result.Entry.Id)
		}
	}
	return one, ids, w.whenAuthorized(ctx, w.dial(one), count)
}

type syncStream = grpc.BidiStreamingClient[entryv1.SyncAuthorizedEntriesRequest, entryv1.SyncAuthorizedEntriesResponse]

func openSync(ctx context.Context, conn *grpc.ClientConn, request *entryv1.SyncAuthorizedEntriesRequest) (syncStream, error) {
	stream, err := entryv1.NewEntryClient(conn).SyncAuthorizedEntries(ctx)
	if err != nil {
		return nil, err
	}
	return stream, stream.Send(request)
}

// answerOf reads the pages of one answer.
func answerOf(stream syncStream) (revisions []*entryv1.EntryRevision, entries []*types.Entry, err error) {
	for {
		page, err := stream.Recv()
		if err != nil {
			return nil, nil, err
		}
		if len(page.EntryRevisions) > 500 || len(page.Entries) > 500 {
			return nil, nil, fmt.Errorf("a page of %d", len(page.EntryRevisions)+len(page.Entries))
		}
		revisions = append(revisions, page.EntryRevisions...)
		entries = append(entries, page.Entries...)
		if !page.More {
			return revisions, entries, nil
		}
	}
}

func checkMasked(entry *types.Entry) error {
	return first(
		expect("id is there", entry.Id != "", true),
		expect("SPIFFE ID is there", entry.SpiffeId != nil, true),
		expect("selectors", len(entry.Selectors), 1),
		expect("created_at is there", entry.CreatedAt > 0, true),
		expect("parent is masked", entry.ParentId == nil, true),
		expect("DNS names are masked", len(entry.DnsNames), 0),
	)
}

func readsWhole(ctx context.Context, w *world) error {
	for _, count := range []int{0, 3, 500} {
		one, ids, err := w.agentWith(ctx, count)
		if err != nil {
			return err
		}
		stream, err := openSync(ctx, w.dial(one), &entryv1.SyncAuthorizedEntriesRequest{OutputMask: agentMask})
		if err != nil {
			return err
		}
		page, err := stream.Recv()
		if err != nil {
			return err
		}
		var got []string
		for _, entry := range page.Entries {
			if err := checkMasked(entry); err != nil {
				return err
			}
			got = append(got, entry.Id)
		}
		_, end := stream.Recv()
		err = first(
			expect("revisions", len(page.EntryRevisions), 0), expect("more", page.More, false),
			expectSame("ids", got, ids), expect("end", end, io.EOF),
		)
		if err != nil {
			return fmt.Errorf("%d entries: %w", count, err)
		}
	}
	return nil
}

func readsPages(ctx context.Context, w *world) error {
	one, ids, err := w.agentWith(ctx, 1201)
	if err != nil {
		return err
	}
	stream, err := openSync(ctx, w.dial(one), &entryv1.SyncAuthorizedEntriesRequest{OutputMask: agentMask})
	if err != nil {
		return err
	}
	revisions, entries, err := answerOf(stream)
	if err != nil {
		return err
	}
	var told []string
	for _, revision := range revisions {
		told = append(told, revision.Id)
		if revision.CreatedAt == 0 {
			return fmt.Errorf("a revision without created_at")
		}
	}
	if err := first(expect("entries among revisions", len(entries), 0), expectSame("revisions", told, ids)); err != nil {
		return err
	}
	for _, wanted := range [][]string{ids[:500], {"unknown", ids[1], ids[0]}, {}, {"unknown"}, ids} {
		if err := stream.Send(&entryv1.SyncAuthorizedEntriesRequest{Ids: wanted, OutputMask: &types.EntryMask{}}); err != nil {
			return err
		}
		revisions, entries, err := answerOf(stream)
		if err != nil {
			return err
		}
		var got, known []string
		for _, entry := range entries {
			if err := checkMasked(entry); err != nil {
				return err
			}
			got = append(got, entry.Id)
		}
		for _, id := range wanted {
			if id != "unknown" {
				known = append(known, id)
			}
		}
		if err := first(expect("revisions among entries", len(revisions), 0), expectSame("entries", got, known)); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	_, end := stream.Recv()
	return expect("end", end, io.EOF)
}

func refusesFirstMessages(ctx context.Context, w *world) error {
	for _, one := range []struct {
		request *entryv1.SyncAuthorizedEntriesRequest
		text    string
	}{
		{&entryv1.SyncAuthorizedEntriesRequest{Ids: []string{"x"}}, "specifying IDs on initial request is not supported"},
		{&entryv1.SyncAuthorizedEntriesRequest{OutputMask: &types.EntryMask{SpiffeId: true}}, "revision number cannot be masked"},
	} {
		stream, err := openSync(ctx, w.conns["agent"], one.request)
		if err != nil {
			return err
		}
		_, err = stream.Recv()
		if err := expectStatus(err, codes.InvalidArgument, one.text); err != nil {
			return err
		}
	}
	return nil
}

func readsGetAuthorized(ctx context.Context, w *world) error {
	one, ids, err := w.agentWith(ctx, 1201)
	if err != nil {
		return err
	}
	answer, err := entryv1.NewEntryClient(w.dial(one)).GetAuthorizedEntries(ctx, &entryv1.GetAuthorizedEntriesRequest{OutputMask: agentMask})
	if err != nil {
		return err
	}
	var got []string
	for _, entry := range answer.Entries {
		if err := checkMasked(entry); err != nil {
			return err
		}
		got = append(got, entry.Id)
	}
	return expectSame("ids", got, ids)
}

func signsBatch(ctx context.Context, w *world) error {
	one, ids, err := w.agentWith(ctx, 3)
	if err != nil {
		return err
	}
	_, others, err := w.agentWith(ctx, 1)
	if err != nil {
		return err
	}
	key, csr := newCSR()
	tampered := append([]byte{}, csr...)
	tampered[len(tampered)-1] ^= 1
	request := &svidv1.BatchNewX509SVIDRequest{Params: []*svidv1.NewX509SVIDParams{
		{EntryId: ids[0], Csr: csr}, {EntryId: "", Csr: csr}, {EntryId: ids[1]}, {EntryId: others[0], Csr: csr},
		{EntryId: "unknown", Csr: csr}, {EntryId: ids[1], Csr: []byte("no CSR")}, {EntryId: ids[1], Csr: tampered}, {EntryId: ids[2], Csr: csr},
	}}
	answer, err := svidv1.NewSVIDClient(w.dial(one)).BatchNewX509SVID(ctx, request)
	if err != nil {
		return err
	}
	var got []string
	for _, result := range answer.Results {
		if result.Status == nil {
			return fmt.Errorf("a result without status")
		}
		got = append(got, codes.Code(result.Status.Code).String())
	}
	want := "OK InvalidArgument InvalidArgument NotFound NotFound InvalidArgument InvalidArgument OK"
	if err := expect("statuses", strings.Join(got, " "), want); err != nil {
		return err
	}
	svid, err := newIdentity(answer.Results[0].Svid, key)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(svid.chain[0])
	if err != nil {
		return err
	}
	return first(expect("DNS names", strings.Join(leaf.DNSNames, " "), "w0.test"), expect("CA", leaf.IsCA, false))
}

func getsJWT(ctx context.Context, w *world) error {
	one, ids, err := w.agentWith(ctx, 1)
	if err != nil {
		return err
	}
	client := svidv1.NewSVIDClient(w.dial(one))
	answer, err := client.NewJWTSVID(ctx, &svidv1.NewJWTSVIDRequest{EntryId: ids[0], Audience: []string{"a", "b"}})
	if err != nil {
		return err
	}
	parts := strings.Split(answer.Svid.Token, ".")
	if len(parts) != 3 {
		return fmt.Errorf("token %q", answer.Svid.Token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims struct {
		Subject  string   `json:"sub"`
		Audience []string `json:"aud"`
		Expires  int64    `json:"exp"`
		Issued   int64    `json:"iat"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return err
	}
	_, noAudience := client.NewJWTSVID(ctx, &svidv1.NewJWTSVIDRequest{EntryId: ids[0]})
	_, noEntry := client.NewJWTSVID(ctx, &svidv1.NewJWTSVIDRequest{Audience: []string{"a"}})
	_, unknown := client.NewJWTSVID(ctx, &svidv1.NewJWTSVIDRequest{EntryId: "unknown", Audience: []string{"a"}})
	return first(
		expect("sub", claims.Subject, "spiffe://"+w.trustDomain.Name()+answer.Svid.Id.Path),
		expect("aud", strings.Join(claims.Audience, " "), "a b"),
		expect("exp", claims.Expires, answer.Svid.ExpiresAt), expect("iat", claims.Issued, answer.Svid.IssuedAt),
		expect("exp after iat", claims.Expires > claims.Issued && claims.Issued > 0, true),
		expectStatus(noAudience, codes.InvalidArgument, ""), expectStatus(noEntry, codes.InvalidArgument, "missing entry ID"),
		expectStatus(unknown, codes.NotFound, "entry not found or not authorized"),
	)
}

func postVersion(ctx context.Context, conn *grpc.ClientConn, version string) error {
	_, err := agentv1.NewAgentClient(conn).PostStatus(ctx, &agentv1.PostStatusRequest{AgentVersion: version})
	return err
}

func (w *world) renew(ctx context.Context, conn *grpc.ClientConn) (*identity, error) {
	key, csr := newCSR()
	answer, err := agentv1.NewAgentClient(conn).RenewAgent(ctx, &agentv1.RenewAgentRequest{Params: &agentv1.AgentX509SVIDParams{Csr: csr}})
	if err != nil {
		return nil, err
	}
	if !answer.Svid.ProtoReflect().IsValid() {
		return nil, fmt.Errorf("no SVID")
	}
	if _, isECDSA := key.Public().(*ecdsa.PublicKey); !isECDSA {
		return nil, fmt.Errorf("no ECDSA key")
	}
	return newIdentity(answer.Svid, key)
}

func renews(ctx context.Context, w *world) error {
	old, err := w.attest(ctx, w.nextName("renewed"))
	if err != nil {
		return err
	}
	oldConn := w.dial(old)
	lost, err := w.renew(ctx, oldConn)
	if err != nil {
		return err
	}
	// The answer was lost, as far as the agent goes: it renews again with what it has.
	fresh, err := w.renew(ctx, oldConn)
	if err != nil {
		return err
	}
	if err := first(
		postVersion(ctx, oldConn, "old"),
		expectDenied(postVersion(ctx, w.dial(lost), "lost"), types.PermissionDeniedDetails_AGENT_NOT_ACTIVE),
		postVersion(ctx, w.dial(fresh), "fresh"),
	); err != nil {
		return err
	}
	_, noParams := agentv1.NewAgentClient(w.dial(fresh)).RenewAgent(ctx, &agentv1.RenewAgentRequest{})
	_, noCSR := agentv1.NewAgentClient(w.dial(fresh)).RenewAgent(ctx, &agentv1.RenewAgentRequest{Params: &agentv1.AgentX509SVIDParams{}})
	return first(
		expectDenied(postVersion(ctx, oldConn, "old"), types.PermissionDeniedDetails_AGENT_NOT_ACTIVE),
		postVersion(ctx, w.dial(fresh), "fresh again"),
		expectStatus(noParams, codes.InvalidArgument, "params cannot be nil"), expectStatus(noCSR, codes.InvalidArgument, "missing CSR"),
	)
}

func postsStatus(ctx context.Context, w *world) error {
	one, err := w.attest(ctx, w.nextName("versioned"))
	if err != nil {
		return err
	}
	conn := w.dial(one)
	if err := postVersion(ctx, conn, "1.15.3"); err != nil {
		return err
	}
	agent, err := agentv1.NewAgentClient(w.conns["local"]).GetAgent(ctx, &agentv1.GetAgentRequest{Id: w.idOf(one)})
	if err != nil {
		return err
	}
	return first(
		expect("version", agent.AgentVersion, "1.15.3"),
		expectStatus(postVersion(ctx, conn, strings.Repeat("x", 256)), codes.InvalidArgument, ""),
		postVersion(ctx, conn, strings.Repeat("x", 255)),
	)
}

// everyAgentMethod calls all that an agent calls, and names what it was answered with.
func everyAgentMethod(ctx context.Context, w *world, conn *grpc.ClientConn, reason types.PermissionDeniedDetails_Reason) error {
	_, csr := newCSR()
	_, renewal := agentv1.NewAgentClient(conn).RenewAgent(ctx, &agentv1.RenewAgentRequest{Params: &agentv1.AgentX509SVIDParams{Csr: csr}})
	_, authorized := entryv1.NewEntryClient(conn).GetAuthorizedEntries(ctx, &entryv1.GetAuthorizedEntriesRequest{})
	stream, err := openSync(ctx, conn, &entryv1.SyncAuthorizedEntriesRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	_, signing := svidv1.NewSVIDClient(conn).BatchNewX509SVID(ctx, &svidv1.BatchNewX509SVIDRequest{Params: []*svidv1.NewX509SVIDParams{{EntryId: "x", Csr: csr}}})
	_, token := svidv1.NewSVIDClient(conn).NewJWTSVID(ctx, &svidv1.NewJWTSVIDRequest{EntryId: "x", Audience: []string{"a"}})
	return first(
		expectDenied(postVersion(ctx, conn, "x"), reason), expectDenied(renewal, reason), expectDenied(authorized, reason),
		expectDenied(err, reason), expectDenied(signing, reason), expectDenied(token, reason),
	)
}

func isBanned(ctx context.Context, w *world) error {
	token := w.nextName("banned")
	one, err := w.attest(ctx, token)
	if err != nil {
		return err
	}
	conn := w.dial(one)
	if err := postVersion(ctx, conn, "1"); err != nil {
		return err
	}
	operator := agentv1.NewAgentClient(w.conns["local"])
	if _, err := operator.BanAgent(ctx, &agentv1.BanAgentRequest{Id: w.idOf(one)}); err != nil {
		return err
	}
	if err := everyAgentMethod(ctx, w, conn, types.PermissionDeniedDetails_AGENT_BANNED); err != nil {
		return err
	}
	_, again := w.attest(ctx, token)
	if err := first(
		expectDenied(again, types.PermissionDeniedDetails_UNKNOWN),
		expectStatus(again, codes.PermissionDenied, "failed to attest: agent is banned"),
	); err != nil {
		return err
	}
	if _, err := operator.DeleteAgent(ctx, &agentv1.DeleteAgentRequest{Id: w.idOf(one)}); err != nil {
		return err
	}
	_, err = w.attestWith(ctx, token)
	return err
}

func isEvicted(ctx context.Context, w *world) error {
	token := w.nextName("evicted")
	one, err := w.attest(ctx, token)
	if err != nil {
		return err
	}
	conn := w.dial(one)
	if _, err := agentv1.NewAgentClient(w.conns["local"]).DeleteAgent(ctx, &agentv1.DeleteAgentRequest{Id: w.idOf(one)}); err != nil {
		return err
	}
	if err := everyAgentMethod(ctx, w, conn, types.PermissionDeniedDetails_AGENT_NOT_ATTESTED); err != nil {
		return err
	}
	again, err := w.attest(ctx, token)
	if err != nil {
		return err
	}
	return first(
		postVersion(ctx, w.dial(again), "2"),
		expectDenied(postVersion(ctx, conn, "1"), types.PermissionDeniedDetails_AGENT_NOT_ACTIVE),
	)
}
