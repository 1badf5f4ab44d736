package main

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	svidv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/svid/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Page of entries, as SPIRE's.
const page = 500

type agentService struct {
	agentv1.UnimplementedAgentServer
	*world
}

func (s *agentService) AttestAgent(stream agentv1.Agent_AttestAgentServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	s.Lock()
	defer s.Unlock()
	data := first.GetParams().GetData()
	if data.GetType() != "join_token" {
		return s.refusal("attestor unknown")
	}
	if string(data.Payload) != token || s.tokenUsed {
		return s.refusal("token used")
	}
	s.tokenUsed = true
	s.agentPath = "/spire/agent/join_token/" + token
	svid, serial, err := s.agentSVID(first.GetParams().GetParams().GetCsr())
	if err != nil {
		return err
	}
	s.serial = serial
	result := &agentv1.AttestAgentResponse_Result{Svid: svid, Reattestable: false}
	report("attested", nil)
	return stream.Send(&agentv1.AttestAgentResponse{Step: &agentv1.AttestAgentResponse_Result_{Result: result}})
}

func (s *agentService) RenewAgent(ctx context.Context, request *agentv1.RenewAgentRequest) (*agentv1.RenewAgentResponse, error) {
	s.Lock()
	defer s.Unlock()
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	svid, serial, err := s.agentSVID(request.GetParams().GetCsr())
	if err != nil {
		return nil, err
	}
	s.pending = serial
	report("renewed", nil)
	return &agentv1.RenewAgentResponse{Svid: svid}, nil
}

func (s *agentService) PostStatus(ctx context.Context, request *agentv1.PostStatusRequest) (*agentv1.PostStatusResponse, error) {
	s.Lock()
	defer s.Unlock()
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	report("status", map[string]any{"version": request.AgentVersion})
	return &agentv1.PostStatusResponse{}, nil
}

func (w *world) agentSVID(csr []byte) (*types.X509SVID, string, error) {
	parsed, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, "", status.Error(codes.InvalidArgument, err.Error())
	}
	leaf := w.authority.sign(parsed.PublicKey, w.agentPath, nil, time.Duration(w.agentLife)*time.Second)
	id := &types.SPIFFEID{TrustDomain: trustDomain, Path: w.agentPath}
	return &types.X509SVID{CertChain: [][]byte{leaf.Raw}, Id: id, ExpiresAt: leaf.NotAfter.Unix()}, leaf.SerialNumber.String(), nil
}

type bundleService struct {
	bundlev1.UnimplementedBundleServer
	*world
}

func (s *bundleService) GetBundle(context.Context, *bundlev1.GetBundleRequest) (*types.Bundle, error) {
	s.Lock()
	defer s.Unlock()
	bundle := &types.Bundle{TrustDomain: trustDomain, SequenceNumber: s.sequence}
	for _, one := range append(slices.Clone(s.former), s.authority) {
		bundle.X509Authorities = append(bundle.X509Authorities, one.x509Authority())
		bundle.JwtAuthorities = append(bundle.JwtAuthorities, one.jwtAuthority())
	}
	return bundle, nil
}

func (s *bundleService) GetFederatedBundle(ctx context.Context, request *bundlev1.GetFederatedBundleRequest) (*types.Bundle, error) {
	s.Lock()
	defer s.Unlock()
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	switch request.TrustDomain {
	case "good.test":
		return &types.Bundle{TrustDomain: "good.test", X509Authorities: []*types.X509Certificate{s.authority.x509Authority()}}, nil
	case "broken.test":
		return nil, status.Error(codes.Internal, "failed to fetch bundle: datastore-sql: database is locked")
	}
	return nil, s.refusal("bundle unknown")
}

type entryService struct {
	entryv1.UnimplementedEntryServer
	*world
}

func (s *entryService) SyncAuthorizedEntries(stream entryv1.Entry_SyncAuthorizedEntriesServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	entries, err := s.snapshot(stream.Context(), first)
	if err != nil {
		return err
	}
	if len(entries) <= page {
		return stream.Send(&entryv1.SyncAuthorizedEntriesResponse{Entries: entries})
	}
	for from := 0; from < len(entries); from += page {
		part := entries[from:min(from+page, len(entries))]
		response := &entryv1.SyncAuthorizedEntriesResponse{More: from+page < len(entries)}
		for _, entry := range part {
			response.EntryRevisions = append(response.EntryRevisions, &entryv1.EntryRevision{
				Id: entry.Id, RevisionNumber: entry.RevisionNumber, CreatedAt: entry.CreatedAt,
			})
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) || status.Code(err) == codes.Canceled {
			return nil
		}
		if err != nil {
			return err
		}
		report("asked", map[string]any{"ids": len(request.Ids)})
		var found []*types.Entry
		for _, entry := range entries {
			if slices.Contains(request.Ids, entry.Id) {
				found = append(found, entry)
			}
		}
		for from := 0; from == 0 || from < len(found); from += page {
			part := found[from:min(from+page, len(found))]
			if err := stream.Send(&entryv1.SyncAuthorizedEntriesResponse{Entries: part, More: from+page < len(found)}); err != nil {
				return err
			}
		}
	}
}

// snapshot is the authorised set in no order, with the checks before it.
func (s *entryService) snapshot(ctx context.Context, first *entryv1.SyncAuthorizedEntriesRequest) ([]*types.Entry, error) {
	s.Lock()
	defer s.Unlock()
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	if len(first.Ids) > 0 {
		return nil, s.refusal("first ids")
	}
	if s.exhausted > 0 {
		s.exhausted--
		report("exhausted", nil)
		return nil, s.refusal("burst")
	}
	entries := slices.Clone(s.entries)
	rand.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	return entries, nil
}

type svidService struct {
	svidv1.UnimplementedSVIDServer
	*world
}

func (s *svidService) BatchNewX509SVID(ctx context.Context, request *svidv1.BatchNewX509SVIDRequest) (*svidv1.BatchNewX509SVIDResponse, error) {
	s.Lock()
	defer s.Unlock()
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	if len(request.Params) > page {
		return nil, s.refusal("burst")
	}
	report("batch", map[string]any{"size": len(request.Params)})
	response := &svidv1.BatchNewX509SVIDResponse{}
	for _, params := range request.Params {
		response.Results = append(response.Results, s.result(params))
	}
	return response, nil
}

func (s *svidService) result(params *svidv1.NewX509SVIDParams) *svidv1.BatchNewX509SVIDResponse_Result {
	refuse := func(err error) *svidv1.BatchNewX509SVIDResponse_Result {
		st := status.Convert(err)
		return &svidv1.BatchNewX509SVIDResponse_Result{Status: &types.Status{Code: int32(st.Code()), Message: st.Message()}}
	}
	entry := s.entry(params.EntryId)
	if entry == nil {
		return refuse(s.refusal("entry unknown"))
	}
	csr, err := x509.ParseCertificateRequest(params.Csr)
	if err != nil || csr.CheckSignature() != nil {
		return refuse(status.Error(codes.InvalidArgument, "invalid CSR"))
	}
	life := time.Hour
	if entry.X509SvidTtl > 0 {
		life = time.Duration(entry.X509SvidTtl) * time.Second
	}
	leaf := s.authority.sign(csr.PublicKey, entry.SpiffeId.Path, entry.DnsNames, life)
	return &svidv1.BatchNewX509SVIDResponse_Result{
		Status: &types.Status{Code: int32(codes.OK), Message: "OK"},
		Svid:   &types.X509SVID{CertChain: [][]byte{leaf.Raw}, Id: entry.SpiffeId, ExpiresAt: leaf.NotAfter.Unix(), Hint: entry.Hint},
	}
}

func (s *svidService) NewJWTSVID(ctx context.Context, request *svidv1.NewJWTSVIDRequest) (*svidv1.NewJWTSVIDResponse, error) {
	s.Lock()
	defer s.Unlock()
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	entry := s.entry(request.EntryId)
	if entry == nil {
		return nil, s.refusal("entry unknown")
	}
	text, issued, expires := s.authority.token(entry.SpiffeId.Path, request.Audience, 5*time.Minute)
	return &svidv1.NewJWTSVIDResponse{Svid: &types.JWTSVID{Token: text, Id: entry.SpiffeId, ExpiresAt: expires, IssuedAt: issued}}, nil
}
