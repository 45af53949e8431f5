// Signs with the AWS SDK for Java v2 (http-auth-aws):
//   java Sign.java AUDIENCE TENANT TEXT [BUSINESS [SUBJECT]]
// The key is in SPLITPLANE_KEY_ID and SPLITPLANE_SECRET. Prints the context, which is good for one call.

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import software.amazon.awssdk.http.ContentStreamProvider;
import software.amazon.awssdk.http.SdkHttpMethod;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4HttpSigner;
import software.amazon.awssdk.identity.spi.AwsCredentialsIdentity;

public class Sign {
    static Map<String, String> signedContext(String audience, String tenant, String text, String business, String subject) {
        SdkHttpRequest.Builder request = SdkHttpRequest.builder()
            .method(SdkHttpMethod.POST)
            .uri(URI.create("https://" + audience + "/ask"))
            .putHeader("x-splitplane-tenant", tenant)
            .putHeader("x-splitplane-nonce", UUID.randomUUID().toString());
        if (!business.isEmpty()) request.putHeader("x-splitplane-business", business);
        if (!subject.isEmpty()) request.putHeader("x-splitplane-subject", subject);
        AwsCredentialsIdentity key =
            AwsCredentialsIdentity.create(System.getenv("SPLITPLANE_KEY_ID"), System.getenv("SPLITPLANE_SECRET"));
        Map<String, List<String>> signed = AwsV4HttpSigner.create().sign(sign -> sign
            .identity(key)
            .request(request.build())
            .payload(ContentStreamProvider.fromByteArray(text.getBytes(StandardCharsets.UTF_8)))
            .putProperty(AwsV4HttpSigner.SERVICE_SIGNING_NAME, "splitplane")
            .putProperty(AwsV4HttpSigner.REGION_NAME, "us-east-1")).request().headers();
        // Each value is a list of one.
        Map<String, String> context = new LinkedHashMap<>();
        signed.forEach((name, values) -> context.put(name, values.get(0)));
        return context;
    }

    // What a library for JSON does, Jackson's ObjectMapper for one.
    static String json(Map<String, String> object) {
        StringBuilder text = new StringBuilder();
        object.forEach((name, value) -> text.append(text.length() == 0 ? "{" : ",").append(quoted(name)).append(":").append(quoted(value)));
        return text.append("}").toString();
    }

    static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    public static void main(String[] arguments) {
        String business = arguments.length > 3 ? arguments[3] : "";
        String subject = arguments.length > 4 ? arguments[4] : "";
        byte[] line = json(signedContext(arguments[0], arguments[1], arguments[2], business, subject)).getBytes(StandardCharsets.UTF_8);
        System.out.write(line, 0, line.length);
        System.out.println();
    }
}
