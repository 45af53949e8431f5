// Signs with the AWS SDK for Go v2:
//
//	go run ./sdk_v2 AUDIENCE TENANT TEXT [BUSINESS [SUBJECT]]
//
// The key is in SPLITPLANE_KEY_ID and SPLITPLANE_SECRET. Prints the context, which is good for one call.
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

func signedContext(audience, tenant, text, business, subject string) (string, error) {
	request, err := http.NewRequest("POST", "https://"+audience+"/ask", strings.NewReader(text))
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
	key := aws.Credentials{AccessKeyID: os.Getenv("SPLITPLANE_KEY_ID"), SecretAccessKey: os.Getenv("SPLITPLANE_SECRET")}
	hash := sha256.Sum256([]byte(text))
	err = v4.NewSigner().SignHTTP(context.Background(), key, request, hex.EncodeToString(hash[:]), "splitplane", "us-east-1", time.Now())
	if err != nil {
		return "", err
	}
	// Host and Content-Length are signed and not among the headers.
	headers := map[string]string{"Host": request.Host, "Content-Length": strconv.FormatInt(request.ContentLength, 10)}
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
