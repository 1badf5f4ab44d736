package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fetch uses every RPC that go-spiffe has for the X.509 and JWT profiles, then watches rotations.
func fetch(ctx context.Context, chosen options) error {
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(chosen.socket))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := fetchX509(ctx, client); err != nil {
		return err
	}
	if err := fetchJWT(ctx, client, chosen.audience); err != nil {
		return err
	}
	return watch(ctx, client, chosen.rotations)
}

func fetchX509(ctx context.Context, client *workloadapi.Client) error {
	x509, err := client.FetchX509Context(ctx)
	if err != nil {
		return fmt.Errorf("FetchX509SVID: %w", err)
	}
	for _, svid := range x509.SVIDs {
		// The whole chain under the bundle that came with it.
		id, _, err := x509svid.Verify(svid.Certificates, x509.Bundles)
		if err != nil {
			return fmt.Errorf("own SVID does not verify: %w", err)
		}
		report("x509", map[string]any{"id": id.String(), "hint": svid.Hint, "default": svid == x509.DefaultSVID()})
	}
	bundles, err := client.FetchX509Bundles(ctx)
	if err != nil {
		return fmt.Errorf("FetchX509Bundles: %w", err)
	}
	for _, bundle := range bundles.Bundles() {
		fields := map[string]any{"trust_domain": bundle.TrustDomain().Name(), "authorities": len(bundle.X509Authorities())}
		report("x509_bundle", fields)
	}
	return nil
}

func fetchJWT(ctx context.Context, client *workloadapi.Client, audience string) error {
	bundles, err := client.FetchJWTBundles(ctx)
	if err != nil {
		return fmt.Errorf("FetchJWTBundles: %w", err)
	}
	for _, bundle := range bundles.Bundles() {
		report("jwt_bundle", map[string]any{"trust_domain": bundle.TrustDomain().Name(), "authorities": len(bundle.JWTAuthorities())})
	}
	svids, err := client.FetchJWTSVIDs(ctx, jwtsvid.Params{Audience: audience, ExtraAudiences: []string{"second"}})
	if err != nil {
		return fmt.Errorf("FetchJWTSVID: %w", err)
	}
	for _, svid := range svids {
		if err := validateBothWays(ctx, client, svid, bundles, audience); err != nil {
			return err
		}
	}
	one, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: audience, Subject: svids[len(svids)-1].ID})
	if err != nil {
		return fmt.Errorf("FetchJWTSVID for one subject: %w", err)
	}
	report("jwt_of_subject", map[string]any{"id": one.ID.String()})
	_, err = client.ValidateJWTSVID(ctx, svids[0].Marshal(), "somebody-else")
	if status.Code(err) != codes.InvalidArgument {
		return fmt.Errorf("a token for another audience: expected InvalidArgument, got %v", err)
	}
	report("wrong_audience_refused", nil)
	return nil
}

func validateBothWays(
	ctx context.Context, client *workloadapi.Client, svid *jwtsvid.SVID, bundles *jwtbundle.Set, audience string,
) error {
	remote, err := client.ValidateJWTSVID(ctx, svid.Marshal(), audience)
	if err != nil {
		return fmt.Errorf("ValidateJWTSVID: %w", err)
	}
	local, err := jwtsvid.ParseAndValidate(svid.Marshal(), bundles, []string{audience})
	if err != nil {
		return fmt.Errorf("local validation: %w", err)
	}
	if remote.ID != local.ID || local.ID != svid.ID {
		return fmt.Errorf("subjects differ: %s, %s, %s", remote.ID, local.ID, svid.ID)
	}
	report("jwt", map[string]any{"id": svid.ID.String(), "audience": local.Audience, "hint": svid.Hint})
	return nil
}

type watcher struct {
	wanted int
	done   context.CancelFunc

	lock    sync.Mutex
	serials map[string]bool
	failure error
}

func watch(ctx context.Context, client *workloadapi.Client, rotations int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	seen := &watcher{wanted: rotations, done: cancel, serials: map[string]bool{}}
	err := client.WatchX509Context(ctx, seen)
	seen.lock.Lock()
	defer seen.lock.Unlock()
	if seen.failure != nil {
		return seen.failure
	}
	if len(seen.serials) <= rotations {
		return fmt.Errorf("saw %d serial numbers for %d rotations: %w", len(seen.serials), rotations, err)
	}
	report("watched", map[string]any{"serials": len(seen.serials)})
	return nil
}

func (w *watcher) OnX509ContextUpdate(x509 *workloadapi.X509Context) {
	w.lock.Lock()
	defer w.lock.Unlock()
	svid := x509.DefaultSVID()
	if _, _, err := x509svid.Verify(svid.Certificates, x509.Bundles); err != nil {
		w.failure = fmt.Errorf("a rotated SVID does not verify: %w", err)
		w.done()
		return
	}
	serial := svid.Certificates[0].SerialNumber.String()
	w.serials[serial] = true
	report("rotation", map[string]any{"serial": serial})
	if len(w.serials) > w.wanted {
		w.done()
	}
}

func (w *watcher) OnX509ContextWatchError(err error) {
	if status.Code(err) == codes.Canceled || errors.Is(err, context.Canceled) {
		return
	}
	report("watch_error", map[string]any{"code": status.Code(err).String()})
}

// refused reports the status with which a workload without an entry is turned away.
func refused(ctx context.Context, chosen options) error {
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(chosen.socket))
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.FetchX509SVID(ctx)
	report("refused", map[string]any{"code": status.Code(err).String(), "message": status.Convert(err).Message()})
	return nil
}
