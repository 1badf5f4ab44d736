package main

import (
	"context"
	"fmt"
	"sort"

	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	v1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// reflect asks what the socket serves, and lets Go's protobuf judge the descriptors.
func reflect(ctx context.Context, chosen options) error {
	target, err := workloadapi.TargetFromAddress(chosen.socket)
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	stream, err := v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	answer, err := exchange(stream, &v1.ServerReflectionRequest{MessageRequest: &v1.ServerReflectionRequest_ListServices{}})
	if err != nil {
		return err
	}
	for _, service := range answer.GetListServicesResponse().GetService() {
		if err := reportService(stream, service.GetName()); err != nil {
			return fmt.Errorf("%s: %w", service.GetName(), err)
		}
	}
	return stream.CloseSend()
}

func reportService(stream v1.ServerReflection_ServerReflectionInfoClient, name string) error {
	answer, err := exchange(stream, &v1.ServerReflectionRequest{
		MessageRequest: &v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name},
	})
	if err != nil {
		return err
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, bytes := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(bytes, file); err != nil {
			return err
		}
		set.File = append(set.File, file)
	}
	// Refuses what protoc would refuse: imports, types and map entries that do not fit.
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return err
	}
	found, err := files.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return err
	}
	service, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return fmt.Errorf("it is no service but %T", found)
	}
	methods := []string{}
	for index := range service.Methods().Len() {
		methods = append(methods, string(service.Methods().Get(index).Name()))
	}
	sort.Strings(methods)
	report("service", map[string]any{"name": name, "methods": methods})
	return nil
}

func exchange(
	stream v1.ServerReflection_ServerReflectionInfoClient, request *v1.ServerReflectionRequest,
) (*v1.ServerReflectionResponse, error) {
	if err := stream.Send(request); err != nil {
		return nil, err
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if refused := answer.GetErrorResponse(); refused != nil {
		return nil, fmt.Errorf("refused: %d %s", refused.GetErrorCode(), refused.GetErrorMessage())
	}
	return answer, nil
}
