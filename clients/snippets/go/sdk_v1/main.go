// Signs with the AWS SDK for Go v1:
//
//	go run ./sdk_v1 AUDIENCE TENANT TEXT [BUSINESS [SUBJECT]]
//
// The key is in SPLITPLANE_KEY_ID and SPLITPLANE_SECRET. Prints the context, which is good for one call.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go/aws/credentials"
	v4 "github.com/aws/aws-sdk-go/aws/signer/v4"
)

func signedContext(audience, tenant, text, business, subject string) (string, error) {
	body := strings.NewReader(text)
	request, err := http.NewRequest("POST", "https://"+audience+"/ask", nil)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, 16)
	if _, err := rand.Read(nonce); err != nil {
		return "", err
	}
	request.Header.Set("x-splitplane-tenant", tenant)
	request.Header.Set("x-splitplane-nonce", hex.EncodeToString(nonce))
	if business != "" {
		request.Header.Set("x-splitplane-business", business)
	}
	if subject != "" {
		request.Header.Set("x-splitplane-subject", subject)
	}
	key := credentials.NewStaticCredentials(os.Getenv("SPLITPLANE_KEY_ID"), os.Getenv("SPLITPLANE_SECRET"), "")
	if _, err := v4.NewSigner(key).Sign(request, body, "splitplane", "us-east-1", time.Now()); err != nil {
		return "", err
	}
	// Host is signed and not among the headers, each of which is a list.
	headers := map[string]string{"Host": audience}
	for name := range request.Header {
		headers[name] = request.Header.Get(name)
	}
	encoded, err := json.Marshal(headers)
	return string(encoded), err
}

func main() {
	arguments := append(os.Args[1:], "", "")
	signed, err := signedContext(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signed)
}
