# Signs with aws-sigv4, the signer of the AWS SDK for Ruby:
#   ruby sign.rb AUDIENCE TENANT TEXT [BUSINESS [SUBJECT]]
# The key is in SPLITPLANE_KEY_ID and SPLITPLANE_SECRET. Prints the context, which is good for one call.

require "aws-sigv4"
require "json"
require "securerandom"

def signed_context(audience, tenant, text, business = nil, subject = nil)
  signer = Aws::Sigv4::Signer.new(
    service: "splitplane",
    region: "us-east-1",
    access_key_id: ENV.fetch("SPLITPLANE_KEY_ID"),
    secret_access_key: ENV.fetch("SPLITPLANE_SECRET")
  )
  headers = { "x-splitplane-tenant" => tenant, "x-splitplane-nonce" => SecureRandom.hex(16) }
  headers["x-splitplane-business"] = business unless business.to_s.empty?
  headers["x-splitplane-subject"] = subject unless subject.to_s.empty?
  signature = signer.sign_request(http_method: "POST", url: "https://#{audience}/ask", headers: headers, body: text)
  # It returns only what it adds.
  JSON.generate(headers.merge(signature.headers))
end

puts signed_context(*ARGV)
