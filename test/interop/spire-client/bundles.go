package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/url"
	"time"

	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	trustdomainv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/trustdomain/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc/codes"
)

func init() {
	extraChecks = append(extraChecks,
		check{"federated bundles are created, set, updated and read", keepsBundles},
		check{"federated bundles are listed in pages", listsBundles},
		check{"a federated bundle is deleted as its mode says", deletesBundles},
		check{"federation relationships are kept", keepsRelationships},
	)
}

func (w *world) bundles(class string) bundlev1.BundleClient {
	return bundlev1.NewBundleClient(w.conns[class])
}

// foreignBundle has one new authority of another trust domain.
func foreignBundle(name string) *types.Bundle {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		URIs: []*url.URL{{Scheme: "spiffe", Host: name}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	return &types.Bundle{
		TrustDomain: name, RefreshHint: 60, SequenceNumber: 7,
		X509Authorities: []*types.X509Certificate{{Asn1: der}},
		JwtAuthorities:  []*types.JWTKey{{PublicKey: spki, KeyId: "k-" + name, ExpiresAt: time.Now().Add(time.Hour).Unix()}},
	}
}

func keepsBundles(ctx context.Context, w *world) error {
	name := w.nextName("fed") + ".test"
	one := foreignBundle(name)
	own := foreignBundle(w.trustDomain.Name())
	broken := foreignBundle("broken.test")
	broken.X509Authorities[0].Asn1 = []byte("no certificate")
	created, err := w.bundles("admin").BatchCreateFederatedBundle(ctx, &bundlev1.BatchCreateFederatedBundleRequest{
		Bundle: []*types.Bundle{one, one, own, broken, {TrustDomain: "not a name"}},
	})
	if err != nil {
		return err
	}
	var got []string
	for _, result := range created.Results {
		got = append(got, codes.Code(result.Status.GetCode()).String())
	}
	if err := expect("created", fmt.Sprint(got), "[OK AlreadyExists InvalidArgument InvalidArgument InvalidArgument]"); err != nil {
		return err
	}
	for _, class := range []string{"local", "admin", "agent"} {
		for _, spelling := range []string{name, "spiffe://" + name} {
			read, err := w.bundles(class).GetFederatedBundle(ctx, &bundlev1.GetFederatedBundleRequest{TrustDomain: spelling})
			if err != nil {
				return err
			}
			if err := first(
				expect("trust domain", read.TrustDomain, name), expect("refresh hint", read.RefreshHint, 60), expect("sequence", read.SequenceNumber, 7),
				expect("X.509", string(read.X509Authorities[0].Asn1), string(one.X509Authorities[0].Asn1)), expect("JWT", read.JwtAuthorities[0].KeyId, "k-"+name),
			); err != nil {
				return err
			}
		}
	}
	masked, err := w.bundles("agent").GetFederatedBundle(ctx, &bundlev1.GetFederatedBundleRequest{TrustDomain: name, OutputMask: &types.BundleMask{JwtAuthorities: true}})
	if err != nil {
		return err
	}
	_, ownBundle := w.bundles("agent").GetFederatedBundle(ctx, &bundlev1.GetFederatedBundleRequest{TrustDomain: w.trustDomain.Name()})
	_, unknown := w.bundles("agent").GetFederatedBundle(ctx, &bundlev1.GetFederatedBundleRequest{TrustDomain: "unknown.test"})
	newer := foreignBundle(name)
	newer.RefreshHint = 90
	updated, err := w.bundles("local").BatchUpdateFederatedBundle(ctx, &bundlev1.BatchUpdateFederatedBundleRequest{
		Bundle: []*types.Bundle{newer, foreignBundle("unknown.test")}, InputMask: &types.BundleMask{RefreshHint: true},
	})
	if err != nil {
		return err
	}
	set, err := w.bundles("admin").BatchSetFederatedBundle(ctx, &bundlev1.BatchSetFederatedBundleRequest{Bundle: []*types.Bundle{newer, own}})
	if err != nil {
		return err
	}
	half := updated.Results[0].Bundle
	return first(
		expect("masked X.509", len(masked.X509Authorities), 0), expect("masked JWT", len(masked.JwtAuthorities), 1),
		expectStatus(ownBundle, codes.InvalidArgument, ""), expectStatus(unknown, codes.NotFound, "bundle not found"),
		expect("updated", half.GetRefreshHint(), 90), expect("not in the mask", string(half.GetX509Authorities()[0].Asn1), string(one.X509Authorities[0].Asn1)),
		expect("unknown", codes.Code(updated.Results[1].Status.Code), codes.NotFound),
		expect("set", string(set.Results[0].Bundle.GetX509Authorities()[0].Asn1), string(newer.X509Authorities[0].Asn1)),
		expect("own is not set", codes.Code(set.Results[1].Status.Code), codes.InvalidArgument),
	)
}

func listsBundles(ctx context.Context, w *world) error {
	for range 3 {
		if _, err := w.bundles("local").BatchSetFederatedBundle(ctx, &bundlev1.BatchSetFederatedBundleRequest{Bundle: []*types.Bundle{foreignBundle(w.nextName("listed") + ".test")}}); err != nil {
			return err
		}
	}
	whole, err := w.bundles("admin").ListFederatedBundles(ctx, &bundlev1.ListFederatedBundlesRequest{})
	if err != nil {
		return err
	}
	counted, err := w.bundles("local").CountBundles(ctx, &bundlev1.CountBundlesRequest{})
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for token, pages := "", 0; pages == 0 || token != ""; pages++ {
		page, err := w.bundles("local").ListFederatedBundles(ctx, &bundlev1.ListFederatedBundlesRequest{PageSize: 2, PageToken: token, OutputMask: &types.BundleMask{}})
		if err != nil {
			return err
		}
		for _, bundle := range page.Bundles {
			if len(bundle.X509Authorities) != 0 || bundle.TrustDomain == w.trustDomain.Name() {
				return fmt.Errorf("not masked, or our own: %v", bundle)
			}
			seen[bundle.TrustDomain] = true
		}
		if token = page.NextPageToken; pages > 100 {
			return fmt.Errorf("the pages do not end")
		}
	}
	return first(expect("paged", len(seen), len(whole.Bundles)), expect("counted, our own too", int(counted.Count), len(whole.Bundles)+1))
}

func deletesBundles(ctx context.Context, w *world) error {
	type request = bundlev1.BatchDeleteFederatedBundleRequest
	remove := func(mode bundlev1.BatchDeleteFederatedBundleRequest_Mode, name string) (codes.Code, error) {
		answer, err := w.bundles("admin").BatchDeleteFederatedBundle(ctx, &request{TrustDomains: []string{name}, Mode: mode})
		if err != nil {
			return codes.Unknown, err
		}
		return codes.Code(answer.Results[0].Status.Code), nil
	}
	for _, mode := range []bundlev1.BatchDeleteFederatedBundleRequest_Mode{bundlev1.BatchDeleteFederatedBundleRequest_DISSOCIATE, bundlev1.BatchDeleteFederatedBundleRequest_DELETE} {
		name := w.nextName("deleted") + ".test"
		if _, err := w.bundles("local").BatchSetFederatedBundle(ctx, &bundlev1.BatchSetFederatedBundleRequest{Bundle: []*types.Bundle{foreignBundle(name)}}); err != nil {
			return err
		}
		entry := w.entryUnder("/parent", "/federated/"+name, "uid:8")
		entry.FederatesWith = []string{name}
		id, err := w.createEntry(ctx, entry)
		if err != nil {
			return err
		}
		restricted, err := remove(bundlev1.BatchDeleteFederatedBundleRequest_RESTRICT, name)
		if err != nil {
			return err
		}
		deleted, err := remove(mode, name)
		if err != nil {
			return err
		}
		again, err := remove(mode, name)
		if err != nil {
			return err
		}
		_, left := w.entries("local").GetEntry(ctx, &entryv1.GetEntryRequest{Id: id})
		want := codes.OK
		if mode == bundlev1.BatchDeleteFederatedBundleRequest_DELETE {
			want = codes.NotFound
		}
		if err := first(
			expect("restrict", restricted, codes.FailedPrecondition), expect(mode.String(), deleted, codes.OK), expect("again", again, codes.NotFound),
			expectStatus(left, want, ""),
		); err != nil {
			return err
		}
	}
	return nil
}

func keepsRelationships(ctx context.Context, w *world) error {
	client := trustdomainv1.NewTrustDomainClient(w.conns["admin"])
	name := w.nextName("related") + ".test"
	web := func(name, endpoint string) *types.FederationRelationship {
		return &types.FederationRelationship{
			TrustDomain: name, BundleEndpointUrl: endpoint,
			BundleEndpointProfile: &types.FederationRelationship_HttpsWeb{HttpsWeb: &types.HTTPSWebProfile{}},
		}
	}
	noProfile := web("p.test", "https://p.test")
	noProfile.BundleEndpointProfile = nil
	created, err := client.BatchCreateFederationRelationship(ctx, &trustdomainv1.BatchCreateFederationRelationshipRequest{
		FederationRelationships: []*types.FederationRelationship{
			web(name, "https://"+name+"/bundle"), web(w.trustDomain.Name(), "https://own.test"), web("h.test", "http://h.test"),
			web("u.test", "https://user@u.test"), web("e.test", ""), noProfile,
		},
	})
	if err != nil {
		return err
	}
	for n, result := range created.Results {
		want := codes.InvalidArgument
		if n == 0 {
			want = codes.OK
		}
		if err := expect(fmt.Sprintf("relationship %d", n), codes.Code(result.Status.Code), want); err != nil {
			return err
		}
	}
	read, err := client.GetFederationRelationship(ctx, &trustdomainv1.GetFederationRelationshipRequest{TrustDomain: name})
	if err != nil {
		return err
	}
	masked, err := client.GetFederationRelationship(ctx, &trustdomainv1.GetFederationRelationshipRequest{TrustDomain: name, OutputMask: &types.FederationRelationshipMask{}})
	if err != nil {
		return err
	}
	_, unknown := client.GetFederationRelationship(ctx, &trustdomainv1.GetFederationRelationshipRequest{TrustDomain: "unknown.test"})
	spiffe := web(name, "https://elsewhere.test/b")
	spiffe.BundleEndpointProfile = &types.FederationRelationship_HttpsSpiffe{HttpsSpiffe: &types.HTTPSSPIFFEProfile{EndpointSpiffeId: "spiffe://" + name + "/endpoint"}}
	updated, err := client.BatchUpdateFederationRelationship(ctx, &trustdomainv1.BatchUpdateFederationRelationshipRequest{
		FederationRelationships: []*types.FederationRelationship{spiffe}, InputMask: &types.FederationRelationshipMask{BundleEndpointProfile: true},
	})
	if err != nil {
		return err
	}
	listed, err := client.ListFederationRelationships(ctx, &trustdomainv1.ListFederationRelationshipsRequest{})
	if err != nil {
		return err
	}
	_, refreshed := client.RefreshBundle(ctx, &trustdomainv1.RefreshBundleRequest{TrustDomain: "unknown.test"})
	deleted, err := client.BatchDeleteFederationRelationship(ctx, &trustdomainv1.BatchDeleteFederationRelationshipRequest{TrustDomains: []string{name, name, "no name"}})
	if err != nil {
		return err
	}
	change := updated.Results[0].FederationRelationship
	return first(
		expect("URL", read.BundleEndpointUrl, "https://"+name+"/bundle"), expect("profile", read.GetHttpsWeb() != nil, true),
		expect("masked", masked.BundleEndpointUrl, ""), expect("masked trust domain", masked.TrustDomain, name),
		expectStatus(unknown, codes.NotFound, "federation relationship does not exist"),
		expect("new profile", change.GetHttpsSpiffe().GetEndpointSpiffeId(), "spiffe://"+name+"/endpoint"),
		expect("URL is not in the mask", change.GetBundleEndpointUrl(), "https://"+name+"/bundle"), expect("listed", len(listed.FederationRelationships) >= 1, true),
		expectStatus(refreshed, codes.NotFound, "no relationship with trust domain"),
		expect("deleted", codes.Code(deleted.Results[0].Status.Code), codes.OK), expect("again", codes.Code(deleted.Results[1].Status.Code), codes.NotFound),
		expect("bad name", codes.Code(deleted.Results[2].Status.Code), codes.InvalidArgument),
	)
}
