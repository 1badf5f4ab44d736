import { FileDescriptors } from "../../proto/file-descriptors.ts";
import type { ServerReflectionRequest__Output } from "../../proto/gen/grpc/reflection/v1/ServerReflectionRequest.ts";
import type { ServerReflectionResponse } from "../../proto/gen/grpc/reflection/v1/ServerReflectionResponse.ts";
import { type BidiHandler, grpcStatus } from "../../transport/index.ts";

/** The answer, of the four that there are, to one request. */
type Answer = Pick<
  ServerReflectionResponse,
  "list_services_response" | "file_descriptor_response" | "all_extension_numbers_response" | "error_response"
>;

/**
 * gRPC server reflection (WEP-34), v1 and v1alpha, which differ in their names only: which services the socket serves,
 * and their `.proto` files. All of it is public, so that nobody is attested for it. What is not found, and a request
 * that asks nothing, is an answer; the stream goes on until the caller ends it. Files that were sent are sent again.
 */
export function reflectServer(
  services: () => readonly string[],
): BidiHandler<ServerReflectionRequest__Output, ServerReflectionResponse> {
  let made: FileDescriptors | undefined;
  return async (requests, _context, sink) => {
    for await (const request of requests) {
      made ??= new FileDescriptors();
      const answer = answerTo(request, made, services);
      await sink.send({ valid_host: request.host, original_request: request, ...answer });
    }
  };
}

function answerTo(
  request: ServerReflectionRequest__Output,
  files: FileDescriptors,
  services: () => readonly string[],
): Answer {
  switch (request.message_request) {
    case "list_services":
      return { list_services_response: { service: services().map((name) => ({ name })) } };
    case "file_by_filename":
      return file(files, request.file_by_filename);
    case "file_containing_symbol":
      return file(files, files.fileOf(request.file_containing_symbol ?? ""));
    case "file_containing_extension":
      return refusal(grpcStatus.notFound, "no such extension: proto3 services have none");
    case "all_extension_numbers_of_type":
      return extensionNumbers(files, request.all_extension_numbers_of_type ?? "");
    default:
      return refusal(grpcStatus.invalidArgument, "the request asks nothing that this server knows of");
  }
}

function file(files: FileDescriptors, name: string | undefined): Answer {
  const found = files.withImports(name ?? "");
  if (found === undefined) return refusal(grpcStatus.notFound, "no file of a service of this socket");
  return { file_descriptor_response: { file_descriptor_proto: found.map((bytes) => Buffer.from(bytes)) } };
}

function extensionNumbers(files: FileDescriptors, type: string): Answer {
  if (files.fileOf(type) === undefined) return refusal(grpcStatus.notFound, "no type of a service of this socket");
  return { all_extension_numbers_response: { base_type_name: type, extension_number: [] } };
}

function refusal(code: number, message: string): Answer {
  return { error_response: { error_code: code, error_message: message } };
}
