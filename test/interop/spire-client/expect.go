package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// expectStatus checks an error's code, and that its text contains a fragment.
func expectStatus(err error, code codes.Code, fragment string) error {
	got := status.Convert(err)
	if got.Code() != code {
		return fmt.Errorf("%s: %q, expected %s", got.Code(), got.Message(), code)
	}
	if !strings.Contains(got.Message(), fragment) {
		return fmt.Errorf("message %q has no %q", got.Message(), fragment)
	}
	return nil
}

// reasonOf is the reason in the details of a denial, as a SPIRE agent reads it.
func reasonOf(err error) types.PermissionDeniedDetails_Reason {
	for _, detail := range status.Convert(err).Details() {
		if denied, ok := detail.(*types.PermissionDeniedDetails); ok {
			return denied.Reason
		}
	}
	return types.PermissionDeniedDetails_UNKNOWN
}

func expectDenied(err error, reason types.PermissionDeniedDetails_Reason) error {
	if got := status.Code(err); got != codes.PermissionDenied {
		return fmt.Errorf("%v, expected PermissionDenied", err)
	}
	if got := reasonOf(err); got != reason {
		return fmt.Errorf("reason %s, expected %s (%v)", got, reason, err)
	}
	return nil
}

func expect[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: %v, expected %v", what, got, want)
	}
	return nil
}

func expectSame(what string, got, want []string) error {
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s: %v, expected %v", what, got, want)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
