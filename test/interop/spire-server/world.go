package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

const token = "the-token"

// world is what the server knows: one agent at most, and what the test has made of it.
type world struct {
	sync.Mutex
	authority *authority
	former    []*authority
	refusals  map[string]struct {
		Code    codes.Code
		Message string
	}
	entries   []*types.Entry
	tokenUsed bool
	agentPath string
	serial    string
	pending   string
	banned    bool
	exhausted int
	agentLife int
	sequence  uint64
}

func newWorld(folder string) (*world, error) {
	w := &world{authority: newAuthority("key-1"), agentLife: 3600, sequence: 1}
	text, err := os.ReadFile(filepath.Join(folder, "refusals.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &w.refusals); err != nil {
		return nil, err
	}
	text, err = os.ReadFile(filepath.Join(folder, "entries.json"))
	if err != nil {
		return nil, err
	}
	var recorded entryv1.GetAuthorizedEntriesResponse
	if err := protojson.Unmarshal(text, &recorded); err != nil {
		return nil, err
	}
	w.entries = recorded.Entries
	return w, nil
}

// refusal is a recorded one.
func (w *world) refusal(name string) error {
	recorded, ok := w.refusals[name]
	if !ok {
		panic("not recorded: " + name)
	}
	return status.Error(recorded.Code, recorded.Message)
}

// do is a command of the test.
func (w *world) do(what, id, path string, count int) error {
	w.Lock()
	defer w.Unlock()
	switch what {
	case "entries":
		for i := range count {
			w.entries = append(w.entries, &types.Entry{
				Id:        fmt.Sprintf("many-%04d", i),
				SpiffeId:  &types.SPIFFEID{TrustDomain: trustDomain, Path: fmt.Sprintf("/many/%d", i)},
				ParentId:  &types.SPIFFEID{TrustDomain: trustDomain, Path: "/host/one"},
				Selectors: []*types.Selector{{Type: "unix", Value: fmt.Sprintf("uid:%d", 50000+i)}},
				CreatedAt: 1795618413,
			})
		}
	case "give":
		return w.change(id, func(entry *types.Entry) {
			entry.Selectors = []*types.Selector{{Type: "unix", Value: fmt.Sprintf("uid:%d", count)}}
		})
	case "rename":
		return w.change(id, func(entry *types.Entry) { entry.SpiffeId.Path = path })
	case "federate":
		return w.change(id, func(entry *types.Entry) { entry.FederatesWith = []string{"broken.test", "good.test", "none.test"} })
	case "spoil":
		return w.change(id, func(entry *types.Entry) { entry.Selectors = nil })
	case "taint":
		w.authority.tainted = true
		w.former = append(w.former, w.authority)
		w.authority = newAuthority(fmt.Sprintf("key-%d", len(w.former)+1))
		w.sequence++
	case "revoke":
		w.former = nil
		w.sequence++
	case "exhaust":
		w.exhausted = count
	case "shorten":
		w.agentLife = count
	case "ban":
		w.banned, w.serial, w.pending = true, "", ""
	default:
		return fmt.Errorf("unknown command %q", what)
	}
	return nil
}

func (w *world) change(id string, edit func(*types.Entry)) error {
	for _, entry := range w.entries {
		if entry.Id == id {
			edit(entry)
			entry.RevisionNumber++
			return nil
		}
	}
	return fmt.Errorf("no entry %q", id)
}

func (w *world) entry(id string) *types.Entry {
	for _, entry := range w.entries {
		if entry.Id == id {
			return entry
		}
	}
	return nil
}

// authorize admits the agent as SPIRE does: by serial, the pending one becoming current when it is first seen.
func (w *world) authorize(ctx context.Context) error {
	method, _ := grpc.Method(ctx)
	from, _ := peer.FromContext(ctx)
	info, _ := from.AuthInfo.(credentials.TLSInfo)
	if len(info.State.PeerCertificates) == 0 {
		return status.Error(codes.PermissionDenied, w.refusals["denied"].Message+method)
	}
	roots := x509.NewCertPool()
	for _, one := range append([]*authority{w.authority}, w.former...) {
		roots.AddCert(one.root)
	}
	leaf := info.State.PeerCertificates[0]
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return status.Error(codes.Unauthenticated, err.Error())
	}
	shown := leaf.SerialNumber.String()
	switch {
	case w.banned:
		return w.denied(method, types.PermissionDeniedDetails_AGENT_BANNED)
	case w.agentPath == "":
		return w.denied(method, types.PermissionDeniedDetails_AGENT_NOT_ATTESTED)
	case shown == w.pending:
		w.serial, w.pending = shown, ""
		report("promoted", nil)
	case shown != w.serial:
		return w.denied(method, types.PermissionDeniedDetails_AGENT_NOT_ACTIVE)
	}
	return nil
}

func (w *world) denied(method string, reason types.PermissionDeniedDetails_Reason) error {
	st := status.New(codes.PermissionDenied, w.refusals["denied"].Message+method)
	return must(st.WithDetails(&types.PermissionDeniedDetails{Reason: reason})).Err()
}
