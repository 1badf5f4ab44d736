package main

import (
	"context"
	"fmt"

	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

var entryChecks = []check{
	{"are created, each with its result", createsEntries},
	{"are read whole and masked", getsEntry},
	{"are updated by mask", updatesEntries},
	{"are deleted, each with its result", deletesEntries},
	{"are listed in pages that lose none", listsInPages},
	{"are filtered as SPIRE filters", filtersEntries},
}

func (w *world) entries(class string) entryv1.EntryClient {
	return entryv1.NewEntryClient(w.conns[class])
}

func (w *world) entryUnder(parent, path string, selectors ...string) *types.Entry {
	entry := &types.Entry{SpiffeId: w.id(path), ParentId: w.id(parent)}
	for _, value := range selectors {
		entry.Selectors = append(entry.Selectors, &types.Selector{Type: "unix", Value: value})
	}
	return entry
}

func createsEntries(ctx context.Context, w *world) error {
	good := w.entryUnder("/parent", "/created", "uid:1", "gid:1")
	good.X509SvidTtl, good.JwtSvidTtl, good.Hint, good.DnsNames = 60, 30, "h", []string{"created.test"}
	good.AdditionalAttributes = &types.Entry_AdditionalAttributes{JwtSvidIncludeJti: true}
	similar := w.entryUnder("/parent", "/created", "gid:1", "uid:1")
	named := w.entryUnder("/parent", "/named", "uid:1")
	named.Id = "chosen.by-the_caller"
	badID := w.entryUnder("/parent", "/bad-id", "uid:1")
	badID.Id = "not possible"
	foreign := w.entryUnder("/parent", "/foreign", "uid:1")
	foreign.SpiffeId.TrustDomain = "elsewhere.test"
	badSelector := w.entryUnder("/parent", "/bad-selector")
	badSelector.Selectors = []*types.Selector{{Type: "a:b", Value: "c"}}
	request := &entryv1.BatchCreateEntryRequest{Entries: []*types.Entry{
		good, similar, named, badID, foreign, badSelector,
		w.entryUnder("/parent", "/no-selectors"), {ParentId: w.id("/parent"), Selectors: good.Selectors}, {SpiffeId: w.id("/no-parent"), Selectors: good.Selectors},
	}}
	for _, class := range []string{"local", "admin"} {
		answer, err := w.entries(class).BatchCreateEntry(ctx, request)
		if err != nil {
			return err
		}
		var got []string
		for _, result := range answer.Results {
			got = append(got, codes.Code(result.Status.Code).String())
		}
		firstTime := "OK"
		if class == "admin" {
			firstTime = "AlreadyExists"
		}
		bad := "InvalidArgument"
		want := fmt.Sprint([]string{firstTime, "AlreadyExists", firstTime, bad, bad, bad, bad, bad, bad})
		if err := expect("statuses", fmt.Sprint(got), want); err != nil {
			return err
		}
		created, existing := answer.Results[0].Entry, answer.Results[1].Entry
		if created == nil || existing == nil {
			return fmt.Errorf("a result without its entry: %v", answer.Results[:2])
		}
		if err := first(
			expect("the existing entry", existing.Id, created.Id), expect("x509 ttl", created.X509SvidTtl, 60), expect("jwt ttl", created.JwtSvidTtl, 30),
			expect("hint", created.Hint, "h"), expect("dns", fmt.Sprint(created.DnsNames), "[created.test]"), expect("revision", created.RevisionNumber, 0),
			expect("created_at is set", created.CreatedAt > 0, true), expect("jti", created.AdditionalAttributes.GetJwtSvidIncludeJti(), true),
			expect("chosen id", answer.Results[2].Entry.GetId(), "chosen.by-the_caller"),
		); err != nil {
			return err
		}
	}
	answer, err := w.entries("local").BatchCreateEntry(ctx, &entryv1.BatchCreateEntryRequest{
		Entries: []*types.Entry{w.entryUnder("/parent", "/masked", "uid:1")}, OutputMask: &types.EntryMask{},
	})
	if err != nil {
		return err
	}
	masked := answer.Results[0].Entry
	return first(expect("id", masked.GetId() != "", true), expect("masked", masked.SpiffeId == nil && masked.ParentId == nil, true))
}

func getsEntry(ctx context.Context, w *world) error {
	id, err := w.createEntry(ctx, w.entryUnder("/parent", "/read", "uid:2"))
	if err != nil {
		return err
	}
	whole, err := w.entries("admin").GetEntry(ctx, &entryv1.GetEntryRequest{Id: id})
	if err != nil {
		return err
	}
	masked, err := w.entries("local").GetEntry(ctx, &entryv1.GetEntryRequest{Id: id, OutputMask: &types.EntryMask{Selectors: true}})
	if err != nil {
		return err
	}
	_, missing := w.entries("local").GetEntry(ctx, &entryv1.GetEntryRequest{})
	_, unknown := w.entries("local").GetEntry(ctx, &entryv1.GetEntryRequest{Id: "unknown"})
	return first(
		expect("path", whole.SpiffeId.Path, "/read"), expect("id", masked.Id, id), expect("selectors", len(masked.Selectors), 1),
		expect("masked", masked.SpiffeId == nil && masked.CreatedAt == 0, true),
		expectStatus(missing, codes.InvalidArgument, "missing ID"), expectStatus(unknown, codes.NotFound, "entry not found"),
	)
}

func updatesEntries(ctx context.Context, w *world) error {
	id, err := w.createEntry(ctx, w.entryUnder("/parent", "/updated", "uid:3"))
	if err != nil {
		return err
	}
	change := &types.Entry{Id: id, Hint: "new", X509SvidTtl: 90}
	answer, err := w.entries("admin").BatchUpdateEntry(ctx, &entryv1.BatchUpdateEntryRequest{
		Entries:   []*types.Entry{change, {Id: "unknown", Hint: "x"}, {Hint: "no id"}},
		InputMask: &types.EntryMask{Hint: true},
	})
	if err != nil {
		return err
	}
	entry := answer.Results[0].Entry
	if err := first(
		expect("status", answer.Results[0].Status.Code, 0), expect("unknown", codes.Code(answer.Results[1].Status.Code), codes.NotFound),
		expect("no id is refused", answer.Results[2].Status.Code != 0, true),
		expect("hint", entry.GetHint(), "new"), expect("not in the mask", entry.GetX509SvidTtl(), 0), expect("revision", entry.GetRevisionNumber(), 1),
		expect("path", entry.GetSpiffeId().GetPath(), "/updated"),
	); err != nil {
		return err
	}
	whole := w.entryUnder("/parent", "/moved", "uid:4")
	whole.Id = id
	answer, err = w.entries("local").BatchUpdateEntry(ctx, &entryv1.BatchUpdateEntryRequest{Entries: []*types.Entry{whole}})
	if err != nil {
		return err
	}
	moved := answer.Results[0].Entry
	answer, err = w.entries("local").BatchUpdateEntry(ctx, &entryv1.BatchUpdateEntryRequest{
		Entries: []*types.Entry{{Id: id, SpiffeId: w.id("/x y")}}, InputMask: &types.EntryMask{SpiffeId: true},
	})
	if err != nil {
		return err
	}
	return first(
		expect("moved", moved.GetSpiffeId().GetPath(), "/moved"), expect("no mask writes everything", moved.GetHint(), ""),
		expect("created_at is kept", moved.GetCreatedAt(), entry.GetCreatedAt()), expect("revision", moved.GetRevisionNumber(), 2),
		expect("bad SPIFFE ID", codes.Code(answer.Results[0].Status.Code), codes.InvalidArgument),
	)
}

func deletesEntries(ctx context.Context, w *world) error {
	id, err := w.createEntry(ctx, w.entryUnder("/parent", "/deleted", "uid:5"))
	if err != nil {
		return err
	}
	answer, err := w.entries("admin").BatchDeleteEntry(ctx, &entryv1.BatchDeleteEntryRequest{Ids: []string{id, id, "unknown", ""}})
	if err != nil {
		return err
	}
	var got []string
	for _, result := range answer.Results {
		got = append(got, codes.Code(result.Status.Code).String()+" "+result.Id)
	}
	return expect("results", fmt.Sprint(got), fmt.Sprint([]string{"OK " + id, "NotFound " + id, "NotFound unknown", "InvalidArgument "}))
}

func pathsOf(entries []*types.Entry) []string {
	var paths []string
	for _, entry := range entries {
		paths = append(paths, entry.SpiffeId.GetPath())
	}
	return paths
}

func listsInPages(ctx context.Context, w *world) error {
	parent := "/" + w.nextName("paged")
	var want []string
	for n := range 7 {
		path := fmt.Sprintf("%s/%d", parent, n)
		if _, err := w.createEntry(ctx, w.entryUnder(parent, path, "uid:6")); err != nil {
			return err
		}
		want = append(want, path)
	}
	filter := &entryv1.ListEntriesRequest_Filter{ByParentId: w.id(parent)}
	whole, err := w.entries("admin").ListEntries(ctx, &entryv1.ListEntriesRequest{Filter: filter})
	if err != nil {
		return err
	}
	if err := first(expectSame("page_size 0", pathsOf(whole.Entries), want), expect("token", whole.NextPageToken, "")); err != nil {
		return err
	}
	var got []string
	token, pages := "", 0
	for pages == 0 || token != "" {
		page, err := w.entries("local").ListEntries(ctx, &entryv1.ListEntriesRequest{
			Filter: filter, PageSize: 3, PageToken: token, OutputMask: &types.EntryMask{SpiffeId: true},
		})
		if err != nil {
			return err
		}
		for _, entry := range page.Entries {
			if entry.ParentId != nil || len(entry.Selectors) != 0 {
				return fmt.Errorf("not masked: %v", entry)
			}
		}
		got = append(got, pathsOf(page.Entries)...)
		token = page.NextPageToken
		if pages++; pages > 10 || len(page.Entries) > 3 {
			return fmt.Errorf("page %d has %d entries", pages, len(page.Entries))
		}
	}
	_, garbage := w.entries("local").ListEntries(ctx, &entryv1.ListEntriesRequest{Filter: filter, PageSize: 3, PageToken: "garbage"})
	return first(expectSame("pages", got, want), expectStatus(garbage, codes.InvalidArgument, ""))
}

func filtersEntries(ctx context.Context, w *world) error {
	parent := "/" + w.nextName("filtered")
	hinted := w.entryUnder(parent, parent+"/ab", "a", "b")
	hinted.Hint = "inner"
	down := w.entryUnder(parent, parent+"/abc", "a", "b", "c")
	down.Downstream = true
	for _, entry := range []*types.Entry{w.entryUnder(parent, parent+"/a", "a"), hinted, down, w.entryUnder(parent, parent+"/d", "d")} {
		if _, err := w.createEntry(ctx, entry); err != nil {
			return err
		}
	}
	match := func(how types.SelectorMatch_MatchBehavior) *types.SelectorMatch {
		selectors := []*types.Selector{{Type: "unix", Value: "a"}, {Type: "unix", Value: "b"}}
		return &types.SelectorMatch{Selectors: selectors, Match: how}
	}
	type Filter = entryv1.ListEntriesRequest_Filter
	for name, one := range map[string]struct {
		filter *Filter
		want   []string
	}{
		"exact":            {&Filter{BySelectors: match(types.SelectorMatch_MATCH_EXACT)}, []string{"/ab"}},
		"subset":           {&Filter{BySelectors: match(types.SelectorMatch_MATCH_SUBSET)}, []string{"/a", "/ab"}},
		"superset":         {&Filter{BySelectors: match(types.SelectorMatch_MATCH_SUPERSET)}, []string{"/ab", "/abc"}},
		"any":              {&Filter{BySelectors: match(types.SelectorMatch_MATCH_ANY)}, []string{"/a", "/ab", "/abc"}},
		"SPIFFE ID":        {&Filter{BySpiffeId: w.id(parent + "/d")}, []string{"/d"}},
		"hint":             {&Filter{ByHint: wrapperspb.String("inner")}, []string{"/ab"}},
		"no hint":          {&Filter{ByHint: wrapperspb.String("")}, []string{"/a", "/abc", "/d"}},
		"downstream":       {&Filter{ByDownstream: wrapperspb.Bool(true)}, []string{"/abc"}},
		"downstream is no": {&Filter{ByDownstream: wrapperspb.Bool(false)}, []string{"/a", "/ab", "/abc", "/d"}},
	} {
		one.filter.ByParentId = w.id(parent)
		listed, err := w.entries("admin").ListEntries(ctx, &entryv1.ListEntriesRequest{Filter: one.filter})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		var want []string
		for _, path := range one.want {
			want = append(want, parent+path)
		}
		counted, err := w.entries("local").CountEntries(ctx, &entryv1.CountEntriesRequest{Filter: &entryv1.CountEntriesRequest_Filter{
			ByParentId: one.filter.ByParentId, BySelectors: one.filter.BySelectors, BySpiffeId: one.filter.BySpiffeId, ByHint: one.filter.ByHint, ByDownstream: one.filter.ByDownstream,
		}})
		if err != nil {
			return err
		}
		if err := first(expectSame(name, pathsOf(listed.Entries), want), expect(name+" counted", int(counted.Count), len(want))); err != nil {
			return err
		}
	}
	for name, filter := range map[string]*Filter{
		"no selectors":     {BySelectors: &types.SelectorMatch{}},
		"no trust domains": {ByFederatesWith: &types.FederatesWithMatch{}},
		"malformed id":     {BySpiffeId: &types.SPIFFEID{TrustDomain: w.trustDomain.Name(), Path: "no-slash"}},
	} {
		_, err := w.entries("local").ListEntries(ctx, &entryv1.ListEntriesRequest{Filter: filter})
		if err := expectStatus(err, codes.InvalidArgument, ""); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

var nodeChecks = []check{
	{"are listed, counted and masked", listsAgents},
	{"are filtered as SPIRE filters", filtersAgents},
	{"are read, banned and evicted by id", managesAgents},
	{"join by tokens of operators", makesTokens},
}

func (w *world) agents(class string) agentv1.AgentClient {
	return agentv1.NewAgentClient(w.conns[class])
}

func listsAgents(ctx context.Context, w *world) error {
	for range 3 {
		if _, err := w.attest(ctx, w.nextName("listed")); err != nil {
			return err
		}
	}
	whole, err := w.agents("admin").ListAgents(ctx, &agentv1.ListAgentsRequest{})
	if err != nil {
		return err
	}
	counted, err := w.agents("local").CountAgents(ctx, &agentv1.CountAgentsRequest{})
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for token, pages := "", 0; pages == 0 || token != ""; pages++ {
		page, err := w.agents("local").ListAgents(ctx, &agentv1.ListAgentsRequest{PageSize: 2, PageToken: token, OutputMask: &types.AgentMask{AttestationType: true}})
		if err != nil {
			return err
		}
		for _, agent := range page.Agents {
			if agent.X509SvidSerialNumber != "" || agent.AttestationType != "join_token" || agent.X509SvidExpiresAt != 0 {
				return fmt.Errorf("not masked: %v", agent)
			}
			seen[agent.Id.Path] = true
		}
		token = page.NextPageToken
		if pages > 1000 || len(page.Agents) > 2 {
			return fmt.Errorf("page %d has %d agents", pages, len(page.Agents))
		}
	}
	_, garbage := w.agents("local").ListAgents(ctx, &agentv1.ListAgentsRequest{PageSize: 2, PageToken: "garbage"})
	return first(
		expect("counted", int(counted.Count), len(whole.Agents)), expect("paged", len(seen), len(whole.Agents)),
		expect("token", whole.NextPageToken, ""), expectStatus(garbage, codes.InvalidArgument, ""),
	)
}

func filtersAgents(ctx context.Context, w *world) error {
	one, err := w.attest(ctx, w.nextName("filtered"))
	if err != nil {
		return err
	}
	if _, err := w.agents("admin").BanAgent(ctx, &agentv1.BanAgentRequest{Id: w.idOf(one)}); err != nil {
		return err
	}
	type Filter = agentv1.ListAgentsRequest_Filter
	total, err := w.agents("local").CountAgents(ctx, &agentv1.CountAgentsRequest{})
	if err != nil {
		return err
	}
	all := int(total.Count)
	for name, one := range map[string]struct {
		filter *Filter
		want   int
	}{
		"attestation type": {&Filter{ByAttestationType: "join_token"}, all},
		"another type":     {&Filter{ByAttestationType: "x509pop"}, 0},
		"banned":           {&Filter{ByBanned: wrapperspb.Bool(true)}, 1},
		"not banned":       {&Filter{ByBanned: wrapperspb.Bool(false)}, all - 1},
		"re-attestable":    {&Filter{ByCanReattest: wrapperspb.Bool(true)}, 0},
		"expires before":   {&Filter{ByExpiresBefore: "2001-02-03 04:05:06 +0000 +00"}, 0},
		"expires later":    {&Filter{ByExpiresBefore: "2101-02-03 04:05:06 +0000 +00"}, all},
	} {
		listed, err := w.agents("local").ListAgents(ctx, &agentv1.ListAgentsRequest{Filter: one.filter})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := expect(name, len(listed.Agents), one.want); err != nil {
			return err
		}
	}
	_, err = w.agents("local").ListAgents(ctx, &agentv1.ListAgentsRequest{Filter: &Filter{BySelectorMatch: &types.SelectorMatch{}}})
	return expectStatus(err, codes.InvalidArgument, "")
}

func managesAgents(ctx context.Context, w *world) error {
	one, err := w.attest(ctx, w.nextName("managed"))
	if err != nil {
		return err
	}
	agent, err := w.agents("admin").GetAgent(ctx, &agentv1.GetAgentRequest{Id: w.idOf(one)})
	if err != nil {
		return err
	}
	masked, err := w.agents("local").GetAgent(ctx, &agentv1.GetAgentRequest{Id: w.idOf(one), OutputMask: &types.AgentMask{Banned: true}})
	if err != nil {
		return err
	}
	if err := first(
		expect("serial is there", agent.X509SvidSerialNumber != "", true), expect("expiry is there", agent.X509SvidExpiresAt > 0, true),
		expect("banned", agent.Banned, false), expect("masked", masked.AttestationType+masked.X509SvidSerialNumber, ""),
	); err != nil {
		return err
	}
	unknown := w.id("/spire/agent/join_token/nobody")
	for _, id := range []*types.SPIFFEID{w.id("/not/an/agent"), {TrustDomain: "elsewhere.test", Path: "/spire/agent/x"}, {TrustDomain: w.trustDomain.Name(), Path: "x"}, nil} {
		_, got := w.agents("local").GetAgent(ctx, &agentv1.GetAgentRequest{Id: id})
		_, banned := w.agents("local").BanAgent(ctx, &agentv1.BanAgentRequest{Id: id})
		_, deleted := w.agents("local").DeleteAgent(ctx, &agentv1.DeleteAgentRequest{Id: id})
		if err := first(
			expectStatus(got, codes.InvalidArgument, ""), expectStatus(banned, codes.InvalidArgument, ""), expectStatus(deleted, codes.InvalidArgument, ""),
		); err != nil {
			return fmt.Errorf("%v: %w", id, err)
		}
	}
	_, got := w.agents("local").GetAgent(ctx, &agentv1.GetAgentRequest{Id: unknown})
	_, banned := w.agents("local").BanAgent(ctx, &agentv1.BanAgentRequest{Id: unknown})
	_, deleted := w.agents("admin").DeleteAgent(ctx, &agentv1.DeleteAgentRequest{Id: unknown})
	return first(
		expectStatus(got, codes.NotFound, "agent not found"), expectStatus(banned, codes.NotFound, "agent not found"),
		expectStatus(deleted, codes.NotFound, "agent not found"),
	)
}

func makesTokens(ctx context.Context, w *world) error {
	make := func(class string, request *agentv1.CreateJoinTokenRequest) (*types.JoinToken, error) {
		return w.agents(class).CreateJoinToken(ctx, request)
	}
	alias := "/" + w.nextName("host")
	token, err := make("admin", &agentv1.CreateJoinTokenRequest{Ttl: 60, AgentId: w.id(alias)})
	if err != nil {
		return err
	}
	name := w.nextName("twice")
	if _, err := make("local", &agentv1.CreateJoinTokenRequest{Ttl: 60, Token: name}); err != nil {
		return err
	}
	_, noTTL := make("local", &agentv1.CreateJoinTokenRequest{})
	_, twice := make("local", &agentv1.CreateJoinTokenRequest{Ttl: 60, Token: name})
	one, err := w.attestWith(ctx, token.Value)
	if err != nil {
		return err
	}
	below, err := w.createEntry(ctx, w.entryUnder(alias, alias+"/workload", "uid:7"))
	if err != nil {
		return err
	}
	conn := w.dial(one)
	if err := w.whenAuthorized(ctx, conn, 2); err != nil {
		return err
	}
	answer, err := entryv1.NewEntryClient(conn).GetAuthorizedEntries(ctx, &entryv1.GetAuthorizedEntriesRequest{})
	if err != nil {
		return err
	}
	if _, err := w.signX509(ctx, conn, below); err != nil {
		return err
	}
	return first(
		expect("a token is drawn", len(token.Value) >= 32 && token.ExpiresAt > 0, true),
		expectStatus(noTTL, codes.InvalidArgument, "ttl is required"), expect("a value twice is refused", twice != nil, true),
		expectSame("entries of the alias", pathsOf(answer.Entries), []string{alias, alias + "/workload"}),
	)
}
