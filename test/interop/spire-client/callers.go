package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/debug/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/localauthority/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/logger/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/trustdomain/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// row says who may call a method, and what an empty request is answered with when it is let in.
type row struct {
	callers []string
	empty   codes.Code
}

var (
	anybody    = callerClasses
	operators  = []string{"local", "admin"}
	onTheHost  = []string{"local"}
	agents     = []string{"agent"}
	downstream = []string{"downstream"}
	readers    = []string{"local", "admin", "agent"}
)

// later has methods whose rows hold from the day they are served; until then they have to answer Unimplemented.
var later = map[string]row{
	"svid.v1.SVID/MintX509SVID": {operators, codes.InvalidArgument},
	"svid.v1.SVID/MintJWTSVID":  {operators, codes.InvalidArgument},

	"localauthority.v1.LocalAuthority/GetJWTAuthorityState":        {operators, codes.OK},
	"localauthority.v1.LocalAuthority/PrepareJWTAuthority":         {operators, changesState},
	"localauthority.v1.LocalAuthority/ActivateJWTAuthority":        {operators, codes.InvalidArgument},
	"localauthority.v1.LocalAuthority/TaintJWTAuthority":           {operators, codes.InvalidArgument},
	"localauthority.v1.LocalAuthority/RevokeJWTAuthority":          {operators, codes.InvalidArgument},
	"localauthority.v1.LocalAuthority/GetX509AuthorityState":       {operators, codes.OK},
	"localauthority.v1.LocalAuthority/PrepareX509Authority":        {operators, changesState},
	"localauthority.v1.LocalAuthority/ActivateX509Authority":       {operators, codes.InvalidArgument},
	"localauthority.v1.LocalAuthority/TaintX509Authority":          {operators, codes.InvalidArgument},
	"localauthority.v1.LocalAuthority/RevokeX509Authority":         {operators, codes.InvalidArgument},
	"localauthority.v1.LocalAuthority/TaintX509UpstreamAuthority":  {operators, codes.FailedPrecondition},
	"localauthority.v1.LocalAuthority/RevokeX509UpstreamAuthority": {operators, codes.FailedPrecondition},
}

// changesState marks methods that do something even when nothing is asked for: they are not called by who may.
const changesState = codes.Code(999)

// rows has every method that is served; those neither here nor above have to answer Unimplemented.
var rows = map[string]row{
	"agent.v1.Agent/AttestAgent":     {anybody, codes.InvalidArgument},
	"agent.v1.Agent/RenewAgent":      {agents, codes.InvalidArgument},
	"agent.v1.Agent/PostStatus":      {agents, codes.OK},
	"agent.v1.Agent/CountAgents":     {operators, codes.OK},
	"agent.v1.Agent/ListAgents":      {operators, codes.OK},
	"agent.v1.Agent/GetAgent":        {operators, codes.InvalidArgument},
	"agent.v1.Agent/DeleteAgent":     {operators, codes.InvalidArgument},
	"agent.v1.Agent/BanAgent":        {operators, codes.InvalidArgument},
	"agent.v1.Agent/CreateJoinToken": {operators, codes.InvalidArgument},

	"entry.v1.Entry/CountEntries":          {operators, codes.OK},
	"entry.v1.Entry/ListEntries":           {operators, codes.OK},
	"entry.v1.Entry/GetEntry":              {operators, codes.InvalidArgument},
	"entry.v1.Entry/BatchCreateEntry":      {operators, codes.OK},
	"entry.v1.Entry/BatchUpdateEntry":      {operators, codes.OK},
	"entry.v1.Entry/BatchDeleteEntry":      {operators, codes.OK},
	"entry.v1.Entry/GetAuthorizedEntries":  {agents, codes.OK},
	"entry.v1.Entry/SyncAuthorizedEntries": {agents, codes.InvalidArgument},

	"svid.v1.SVID/BatchNewX509SVID": {agents, codes.InvalidArgument},
	"svid.v1.SVID/NewJWTSVID":       {agents, codes.InvalidArgument},

	"svid.v1.SVID/NewDownstreamX509CA": {downstream, codes.InvalidArgument},

	"bundle.v1.Bundle/GetBundle":           {anybody, codes.OK},
	"bundle.v1.Bundle/PublishJWTAuthority": {downstream, codes.InvalidArgument},

	"bundle.v1.Bundle/CountBundles":               {operators, codes.OK},
	"bundle.v1.Bundle/AppendBundle":               {operators, codes.InvalidArgument},
	"bundle.v1.Bundle/ListFederatedBundles":       {operators, codes.OK},
	"bundle.v1.Bundle/GetFederatedBundle":         {readers, codes.InvalidArgument},
	"bundle.v1.Bundle/BatchCreateFederatedBundle": {operators, codes.OK},
	"bundle.v1.Bundle/BatchUpdateFederatedBundle": {operators, codes.OK},
	"bundle.v1.Bundle/BatchSetFederatedBundle":    {operators, codes.OK},
	"bundle.v1.Bundle/BatchDeleteFederatedBundle": {operators, codes.OK},

	"trustdomain.v1.TrustDomain/ListFederationRelationships":       {operators, codes.OK},
	"trustdomain.v1.TrustDomain/GetFederationRelationship":         {operators, codes.InvalidArgument},
	"trustdomain.v1.TrustDomain/BatchCreateFederationRelationship": {operators, codes.OK},
	"trustdomain.v1.TrustDomain/BatchUpdateFederationRelationship": {operators, codes.OK},
	"trustdomain.v1.TrustDomain/BatchDeleteFederationRelationship": {operators, codes.OK},
	"trustdomain.v1.TrustDomain/RefreshBundle":                     {operators, codes.InvalidArgument},

	"debug.v1.Debug/GetInfo":         {onTheHost, codes.OK},
	"logger.v1.Logger/GetLogger":     {onTheHost, codes.OK},
	"logger.v1.Logger/SetLogLevel":   {onTheHost, codes.InvalidArgument},
	"logger.v1.Logger/ResetLogLevel": {onTheHost, codes.OK},
}

const servicePrefix = "spire.api.server."

// callerChecks walks every method that SPIRE's API module knows.
func callerChecks() []check {
	var checks []check
	known := map[string]bool{}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			if !strings.HasPrefix(string(service.FullName()), servicePrefix) {
				continue
			}
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				name := strings.TrimPrefix(string(service.FullName()), servicePrefix) + "/" + string(method.Name())
				known[name] = true
				checks = append(checks, checksOf(name, method)...)
			}
		}
		return true
	})
	for _, table := range []map[string]row{rows, later} {
		for name := range table {
			if !known[name] {
				panic("no such method: " + name)
			}
		}
	}
	slices.SortFunc(checks, func(a, b check) int { return strings.Compare(a.name, b.name) })
	return checks
}

func checksOf(name string, method protoreflect.MethodDescriptor) []check {
	path := "/" + servicePrefix + name
	declared, isServed := rows[name]
	expected, isLater := later[name]
	if isLater {
		declared = expected
	}
	if !isServed && !isLater {
		return []check{{name + " is not served", func(ctx context.Context, w *world) error {
			return expectStatus(callEmpty(ctx, w.conns["local"], path, method), codes.Unimplemented, "")
		}}}
	}
	var checks []check
	for _, class := range callerClasses {
		checks = append(checks, check{name + " as " + class, func(ctx context.Context, w *world) error {
			if isLater && !w.isServed(ctx, path, method) {
				return nil
			}
			if declared.empty == changesState && slices.Contains(declared.callers, class) {
				return nil
			}
			err := callEmpty(ctx, w.conns[class], path, method)
			if slices.Contains(declared.callers, class) {
				return expectStatus(err, declared.empty, "")
			}
			hasSVID := class != "local" && class != "anonymous"
			if slices.Contains(declared.callers, "agent") && hasSVID {
				return expectDenied(err, types.PermissionDeniedDetails_AGENT_NOT_ATTESTED)
			}
			return first(
				expectDenied(err, types.PermissionDeniedDetails_UNKNOWN),
				expect("message", status.Convert(err).Message(), "authorization denied for method "+path),
			)
		}})
	}
	return checks
}

// isServed asks as a caller who is refused everything, which changes nothing.
func (w *world) isServed(ctx context.Context, path string, method protoreflect.MethodDescriptor) bool {
	return status.Code(callEmpty(ctx, w.conns["anonymous"], path, method)) != codes.Unimplemented
}

// callEmpty sends a request without fields; to a stream nothing at all.
func callEmpty(ctx context.Context, conn *grpc.ClientConn, path string, method protoreflect.MethodDescriptor) error {
	answer := dynamicpb.NewMessage(method.Output())
	if !method.IsStreamingClient() && !method.IsStreamingServer() {
		return conn.Invoke(ctx, path, dynamicpb.NewMessage(method.Input()), answer)
	}
	description := &grpc.StreamDesc{ClientStreams: method.IsStreamingClient(), ServerStreams: method.IsStreamingServer()}
	stream, err := conn.NewStream(ctx, description, path)
	if err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if err := stream.RecvMsg(answer); err != io.EOF {
		return err
	}
	return fmt.Errorf("the stream ended with OK")
}
