package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/url"
	"time"

	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
)

// authority is one CA with a JWT key, as SPIRE makes them.
type authority struct {
	key     *ecdsa.PrivateKey
	root    *x509.Certificate
	kid     string
	tainted bool
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func serial() *big.Int { return must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))) }

func idURL(path string) *url.URL { return &url.URL{Scheme: "spiffe", Host: trustDomain, Path: path} }

func newAuthority(kid string) *authority {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	number := serial()
	template := &x509.Certificate{
		SerialNumber:          number,
		Subject:               pkix.Name{Country: []string{"US"}, Organization: []string{"SPIFFE"}, SerialNumber: number.String()},
		URIs:                  []*url.URL{idURL("")},
		NotBefore:             time.Now().Add(-10 * time.Second),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return &authority{key: key, root: must(x509.ParseCertificate(der)), kid: kid}
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw}))
}

func (a *authority) sign(public any, path string, dns []string, life time.Duration) *x509.Certificate {
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{Country: []string{"US"}, Organization: []string{"SPIRE"}},
		URIs:                  []*url.URL{idURL(path)},
		DNSNames:              dns,
		NotBefore:             time.Now().Add(-10 * time.Second),
		NotAfter:              time.Now().Add(life),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, a.root, public, a.key))))
}

func (a *authority) serverTLS() *tls.Config {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	leaf := a.sign(key.Public(), "/spire/server", nil, time.Hour)
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2"},
		ClientAuth:   tls.RequestClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}},
	}
}

func (a *authority) token(path string, audience []string, life time.Duration) (string, int64, int64) {
	now := time.Now()
	part := func(value any) string { return base64.RawURLEncoding.EncodeToString(must(json.Marshal(value))) }
	input := part(map[string]any{"alg": "ES256", "kid": a.kid, "typ": "JWT"}) + "." + part(map[string]any{
		"sub": "spiffe://" + trustDomain + path, "aud": audience, "iat": now.Unix(), "exp": now.Add(life).Unix(),
	})
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, a.key, digest[:])
	must(0, err)
	raw := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return input + "." + base64.RawURLEncoding.EncodeToString(raw), now.Unix(), now.Add(life).Unix()
}

func (a *authority) x509Authority() *types.X509Certificate {
	return &types.X509Certificate{Asn1: a.root.Raw, Tainted: a.tainted}
}

func (a *authority) jwtAuthority() *types.JWTKey {
	public := must(x509.MarshalPKIXPublicKey(a.key.Public()))
	return &types.JWTKey{PublicKey: public, KeyId: a.kid, ExpiresAt: a.root.NotAfter.Unix(), Tainted: a.tainted}
}
