import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.spiffe.bundle.jwtbundle.JwtBundleSet;
import io.spiffe.bundle.x509bundle.X509Bundle;
import io.spiffe.provider.SpiffeSslContextFactory;
import io.spiffe.provider.SpiffeSslContextFactory.SslContextOptions;
import io.spiffe.spiffeid.SpiffeId;
import io.spiffe.svid.jwtsvid.JwtSvid;
import io.spiffe.svid.x509svid.X509Svid;
import io.spiffe.workloadapi.DefaultWorkloadApiClient;
import io.spiffe.workloadapi.DefaultX509Source;
import io.spiffe.workloadapi.Watcher;
import io.spiffe.workloadapi.WorkloadApiClient;
import io.spiffe.workloadapi.X509Context;
import io.spiffe.workloadapi.X509Source;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/** A workload on java-spiffe; ../README.md lists its commands and answers. */
public final class Workload {
    private static final Gson JSON = new GsonBuilder().disableHtmlEscaping().create();
    private static final int PATIENCE_MS = 5_000;

    private final WorkloadApiClient client = DefaultWorkloadApiClient.newClient();
    private X509Source source;

    private Workload() throws Exception {}

    public static void main(String[] args) throws Exception {
        Workload workload = new Workload();
        report("ready", Map.of());
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            try {
                workload.obey(line.split(" "));
            } catch (Exception error) {
                report("refused", Map.of("error", explain(error)));
            }
        }
        System.exit(0);
    }

    private void obey(String[] words) throws Exception {
        switch (words[0]) {
            case "fetch" -> fetch();
            case "open" -> open();
            case "bundles" -> bundles();
            case "jwt" -> jwt(words[1]);
            case "validate" -> validate(words[1], words[2]);
            case "serve" -> serve(words[1]);
            case "call" -> call(words[1], words[2]);
            default -> throw new IllegalArgumentException("unknown command " + words[0]);
        }
    }

    private void fetch() throws Exception {
        List<X509Svid> svids = client.fetchX509Context().getX509Svids();
        report("fetched", Map.of("ids", svids.stream().map(svid -> svid.getSpiffeId().toString()).toList()));
    }

    private void open() throws Exception {
        var options = DefaultX509Source.X509SourceOptions.builder().initTimeout(Duration.ofSeconds(30)).build();
        source = DefaultX509Source.newSource(options);
        // The source tells nobody of its updates; a watch beside it does.
        client.watchX509Context(new Watcher<>() {
            @Override
            public void onUpdate(X509Context context) {
                try {
                    reportUpdate(context);
                } catch (Exception error) {
                    report("failed", Map.of("error", explain(error)));
                }
            }

            @Override
            public void onError(Throwable error) {
                report("failed", Map.of("error", explain(error)));
            }
        });
    }

    private static void reportUpdate(X509Context context) throws Exception {
        X509Svid svid = context.getDefaultSvid();
        X509Bundle bundle = context.getX509BundleSet().getBundleForTrustDomain(svid.getSpiffeId().getTrustDomain());
        report("update", Map.of(
            "id", svid.getSpiffeId().toString(),
            "leaf", Base64.getEncoder().encodeToString(svid.getLeaf().getEncoded()),
            "authorities", bundle.getX509Authorities().size()));
    }

    private void bundles() throws Exception {
        JwtBundleSet jwt = client.fetchJwtBundles();
        Map<String, List<Integer>> found = new LinkedHashMap<>();
        for (X509Bundle bundle : client.fetchX509Bundles().getBundles().values()) {
            var keys = jwt.getBundles().get(bundle.getTrustDomain());
            int count = keys == null ? 0 : keys.getJwtAuthorities().size();
            found.put(bundle.getTrustDomain().toString(), List.of(bundle.getX509Authorities().size(), count));
        }
        report("bundles", Map.of("bundles", found));
    }

    private void jwt(String audience) throws Exception {
        JwtSvid svid = client.fetchJwtSvid(audience);
        report("jwt", Map.of("id", svid.getSpiffeId().toString(), "token", svid.marshal()));
    }

    private void validate(String audience, String token) throws Exception {
        JwtBundleSet bundles = client.fetchJwtBundles();
        report("local", verdict(() -> JwtSvid.parseAndValidate(token, bundles, Set.of(audience))));
        report("remote", verdict(() -> client.validateJwtSvid(token, audience)));
    }

    private static Map<String, Object> verdict(Callable<JwtSvid> judge) {
        try {
            return Map.of("id", judge.call().getSpiffeId().toString());
        } catch (Exception error) {
            return Map.of("error", explain(error));
        }
    }

    /** TLS 1.3 is to be asked for; the default is 1.2. */
    private SSLContext contextFor(String peer) throws Exception {
        Set<SpiffeId> accepted = Set.of(SpiffeId.parse(peer));
        return SpiffeSslContextFactory.getSslContext(SslContextOptions.builder()
            .sslProtocol("TLSv1.3")
            .x509Source(source)
            .acceptedSpiffeIdsSupplier(() -> accepted)
            .build());
    }

    private void serve(String peer) throws Exception {
        InetAddress loopback = InetAddress.getByName("127.0.0.1");
        var listener = (SSLServerSocket) contextFor(peer).getServerSocketFactory().createServerSocket(0, 50, loopback);
        listener.setNeedClientAuth(true);
        report("listening", Map.of("address", "127.0.0.1:" + listener.getLocalPort()));
        inBackground(() -> {
            while (true) {
                SSLSocket socket = (SSLSocket) listener.accept();
                inBackground(() -> greet(socket));
            }
        });
    }

    /** Answers each line with the SPIFFE ID of who sent it. */
    private static Void greet(SSLSocket socket) throws Exception {
        try (socket) {
            socket.startHandshake();
            X509Certificate peer = (X509Certificate) socket.getSession().getPeerCertificates()[0];
            String id = (String) peer.getSubjectAlternativeNames().iterator().next().get(1);
            BufferedReader lines = reader(socket);
            while (lines.readLine() != null) {
                say(socket, "hello " + SpiffeId.parse(id));
            }
        } catch (IOException error) {
            report("turned-away", Map.of("error", explain(error)));
        }
        return null;
    }

    private void call(String address, String peer) throws Exception {
        String[] parts = address.split(":");
        try (var socket = (SSLSocket) contextFor(peer).getSocketFactory().createSocket(parts[0], Integer.parseInt(parts[1]))) {
            socket.setSoTimeout(PATIENCE_MS);
            say(socket, "hello");
            String greeting = reader(socket).readLine();
            if (greeting == null) {
                throw new IOException("closed without an answer");
            }
            report("called", Map.of("greeting", greeting));
        }
    }

    private static BufferedReader reader(SSLSocket socket) throws IOException {
        return new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
    }

    private static void say(SSLSocket socket, String line) throws IOException {
        socket.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private static void inBackground(Callable<Void> task) {
        Thread thread = new Thread(() -> {
            try {
                task.call();
            } catch (Exception error) {
                report("failed", Map.of("error", explain(error)));
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    /** An error with its causes: the status of the Workload API is in one of them. */
    private static String explain(Throwable error) {
        StringBuilder text = new StringBuilder();
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            text.append(text.isEmpty() ? "" : ": ").append(cause);
        }
        return text.toString();
    }

    private static synchronized void report(String event, Map<String, ?> fields) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("event", event);
        line.putAll(fields);
        PrintStream out = System.out;
        out.println(JSON.toJson(line));
        out.flush();
    }
}
