package awslab

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"math/bits"
	"net/http"
	"strings"
)

// digests are the checksums that a request may carry, by the end of the header's name: see the
// user guide, "Checking object integrity".
var digests = map[string]func() hash.Hash{
	"Crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"Crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"Crc64nvme": func() hash.Hash { return crc64.New(crc64.MakeTable(bits.Reverse64(0xad93d23594c93659))) },
	"Sha1":      sha1.New,
	"Sha256":    sha256.New,
}

// checkDigests refuses a body that is not the one of which the request gives a checksum. gofakes3
// looks at Content-MD5 only. Bodies in chunks (aws-chunked), which carry theirs within, are left
// to it.
func checkDigests(c Call, header http.Header, body []byte) *apiError {
	signed := header.Get("X-Amz-Content-Sha256")
	if strings.HasPrefix(signed, "STREAMING-") {
		return nil
	}
	if sum := sha256.Sum256(body); len(signed) == 2*len(sum) && signed != hex.EncodeToString(sum[:]) {
		return refuse("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	if c.Action == "CompleteMultipartUpload" { // it gives that of the whole object
		return nil
	}
	for name, digest := range digests {
		given := header.Get("X-Amz-Checksum-" + name)
		h := digest()
		h.Write(body)
		if given != "" && given != base64.StdEncoding.EncodeToString(h.Sum(nil)) {
			return refuse("BadDigest", fmt.Sprintf("The %s you specified did not match the calculated checksum.", strings.ToUpper(name)))
		}
	}
	return nil
}

// correct makes gofakes3's answer one of S3's: a bucket knows its region, and one that exists is
// the caller's own, as there is one account.
func (s s3) correct(c Call, out answer) answer {
	bucket := c.Params.Get("Bucket")
	switch {
	case c.Action == "CreateBucket" && out.code == "BucketAlreadyExists":
		if c.Region == "us-east-1" { // where it is no error, as long ago
			return answer{status: http.StatusOK, header: http.Header{"Location": {"/" + bucket}}}
		}
		out = s.refuse(c, &apiError{http.StatusConflict, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it."})
	case c.Action == "CreateBucket" && out.code == "":
		s.homes.Store(bucket, c.Region)
	case c.Action == "DeleteBucket" && out.code == "":
		s.homes.Delete(bucket)
	}
	home, known := s.homes.Load(bucket)
	if !known {
		return out
	}
	out.header.Set("X-Amz-Bucket-Region", home.(string))
	if c.Action == "GetBucketLocation" && out.code == "" {
		out.body = location(home.(string))
	}
	return out
}

// location is the answer of GetBucketLocation, which does not name us-east-1.
func location(region string) []byte {
	if region == "us-east-1" {
		region = ""
	}
	var text bytes.Buffer
	text.WriteString(xml.Header)
	xml.NewEncoder(&text).Encode(struct {
		XMLName   xml.Name `xml:"LocationConstraint"`
		Namespace string   `xml:"xmlns,attr"`
		Region    string   `xml:",chardata"`
	}{Namespace: "http://s3.amazonaws.com/doc/2006-03-01/", Region: region})
	return text.Bytes()
}
