//! A workload on the crates `spiffe` and `spiffe-rustls`; ../../README.md lists its commands and answers.
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use spiffe::{JwtSvid, SpiffeId, WorkloadApiClient, X509Source};
use spiffe_rustls::{authorizer, mtls_client, mtls_server};
use spiffe_rustls_tokio::{TlsAcceptor, TlsConnector};
use std::{error::Error, fmt::Display, sync::Arc, time::Duration};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, split, stdin};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

type Outcome<T> = Result<T, Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(5);

fn report(event: &str, fields: Value) {
    let mut line = Map::from_iter([("event".to_owned(), json!(event))]);
    if let Value::Object(more) = fields {
        line.extend(more);
    }
    println!("{}", Value::Object(line));
}

/// An error with its causes: the status of the Workload API is in one of them.
fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut conversation = Conversation { client: WorkloadApiClient::connect_env().await?, source: None };
    report("ready", json!({}));
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Err(error) = conversation.obey(&words).await {
            report("refused", json!({ "error": explain(error.as_ref()) }));
        }
    }
    Ok(())
}

struct Conversation {
    client: WorkloadApiClient,
    source: Option<X509Source>,
}

impl Conversation {
    async fn obey(&mut self, words: &[&str]) -> Outcome<()> {
        match words {
            ["fetch"] => self.fetch().await,
            ["open"] => self.open().await,
            ["bundles"] => self.bundles().await,
            ["jwt", audience] => self.jwt(audience).await,
            ["validate", audience, token] => self.validate(audience, token).await,
            ["serve", peer] => self.serve(peer).await,
            ["call", address, peer] => self.call(address, peer).await,
            _ => Err(format!("unknown command {words:?}").into()),
        }
    }

    fn source(&self) -> Outcome<X509Source> {
        self.source.clone().ok_or_else(|| "the source is not open".into())
    }

    async fn fetch(&self) -> Outcome<()> {
        let svids = self.client.fetch_all_x509_svids().await?;
        let ids: Vec<String> = svids.iter().map(|svid| svid.spiffe_id().to_string()).collect();
        report("fetched", json!({ "ids": ids }));
        Ok(())
    }

    async fn open(&mut self) -> Outcome<()> {
        let source = X509Source::new().await?;
        let mut updates = source.updated();
        self.source = Some(source.clone());
        report_update(&source)?;
        tokio::spawn(async move {
            while updates.changed().await.is_ok() {
                if let Err(error) = report_update(&source) {
                    report("failed", json!({ "error": error.to_string() }));
                }
            }
        });
        Ok(())
    }

    async fn bundles(&self) -> Outcome<()> {
        let x509 = self.client.fetch_x509_bundles().await?;
        let jwt = self.client.fetch_jwt_bundles().await?;
        let mut found = Map::new();
        for (trust_domain, bundle) in x509.iter() {
            let keys = jwt.get(trust_domain).map_or(0, |keys| keys.jwt_authorities().count());
            found.insert(trust_domain.to_string(), json!([bundle.authorities().len(), keys]));
        }
        report("bundles", json!({ "bundles": found }));
        Ok(())
    }

    async fn jwt(&self, audience: &str) -> Outcome<()> {
        let svid = self.client.fetch_jwt_svid([audience], None).await?;
        report("jwt", json!({ "id": svid.spiffe_id().to_string(), "token": svid.token() }));
        Ok(())
    }

    async fn validate(&self, audience: &str, token: &str) -> Outcome<()> {
        let bundles = self.client.fetch_jwt_bundles().await?;
        report("local", verdict(JwtSvid::parse_and_validate(token, &bundles, &[audience])));
        report("remote", verdict(self.client.validate_jwt_token(audience, token).await));
        Ok(())
    }

    async fn serve(&self, peer: &str) -> Outcome<()> {
        let config = mtls_server(self.source()?).authorize(authorizer::exact([peer])?).build()?;
        let acceptor = TlsAcceptor::new(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        report("listening", json!({ "address": listener.local_addr()?.to_string() }));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    match acceptor.accept(tcp).await {
                        Ok((stream, identity)) => greet(stream, identity.spiffe_id()).await,
                        Err(error) => report("turned-away", json!({ "error": explain(&error) })),
                    }
                });
            }
        });
        Ok(())
    }

    async fn call(&self, address: &str, peer: &str) -> Outcome<()> {
        let config = mtls_client(self.source()?).authorize(authorizer::exact([peer])?).build()?;
        let tcp = TcpStream::connect(address).await?;
        // A name is asked for, and plays no part.
        let name = rustls::pki_types::ServerName::try_from("workload.invalid")?;
        let (stream, _) = timeout(PATIENCE, TlsConnector::new(Arc::new(config)).connect(name, tcp)).await??;
        let (reader, mut writer) = split(stream);
        writer.write_all(b"hello\n").await?;
        let answer = timeout(PATIENCE, BufReader::new(reader).lines().next_line()).await??;
        report("called", json!({ "greeting": answer.ok_or("closed without an answer")? }));
        Ok(())
    }
}

fn report_update(source: &X509Source) -> Outcome<()> {
    let svid = source.svid()?;
    let bundles = source.bundle_set()?;
    let authorities = bundles.get(svid.spiffe_id().trust_domain()).map_or(0, |bundle| bundle.authorities().len());
    let leaf = STANDARD.encode(svid.leaf().as_bytes());
    report("update", json!({ "id": svid.spiffe_id().to_string(), "leaf": leaf, "authorities": authorities }));
    Ok(())
}

fn verdict<E: Display>(judged: Result<JwtSvid, E>) -> Value {
    match judged {
        Ok(svid) => json!({ "id": svid.spiffe_id().to_string() }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

/// Answers each line with the SPIFFE ID of who sent it.
async fn greet(stream: impl AsyncRead + AsyncWrite, id: Option<&SpiffeId>) {
    let Some(id) = id else { return };
    let (reader, mut writer) = split(stream);
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(_)) = lines.next_line().await {
        if writer.write_all(format!("hello {id}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}
