package awslab

import (
	"crypto/ed25519"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// keyPair is the public half of one; the private half is told once, to who created it.
type keyPair struct {
	id, name, kind, fingerprint string
	public                      ssh.PublicKey
	created                     time.Time
	number                      int
}

func (k *keyPair) order() int { return k.number }

// authorized is the key as a line of authorized_keys.
func (k *keyPair) authorized() string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.public))) + " " + k.name
}

func (r *region) keyByID(id string) *keyPair {
	for _, k := range r.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

func noKey(name string) error {
	return refuse("InvalidKeyPair.NotFound", fmt.Sprintf("The key pair '%s' does not exist", name))
}

type keyItem struct {
	ID          string       `xml:"keyPairId"`
	Name        string       `xml:"keyName"`
	Fingerprint string       `xml:"keyFingerprint"`
	Material    string       `xml:"keyMaterial,omitempty"`
	Kind        string       `xml:"keyType,omitempty"`
	Public      string       `xml:"publicKey,omitempty"`
	Created     string       `xml:"createTime,omitempty"`
	Tags        set[tagItem] `xml:"tagSet"`
}

// newKeyPair checks the name and the tags of the request.
func (r *request) newKeyPair() (*keyPair, tags, error) {
	if err := r.p.require("KeyName"); err != nil {
		return nil, nil, err
	}
	name := r.p.Get("KeyName")
	if r.keys[name] != nil {
		return nil, nil, refuse("InvalidKeyPair.Duplicate", fmt.Sprintf("The keypair already exists: %s", name))
	}
	specs, err := tagSpecifications(r.p, "key-pair")
	return &keyPair{id: newID("key"), name: name, created: r.now}, specs["key-pair"], err
}

func (r *request) addKeyPair(k *keyPair, its tags) {
	k.number = r.next()
	r.keys[k.name] = k
	r.addTags(k.id, its)
}

func createKeyPair(r *request) (any, error) {
	k, its, err := r.newKeyPair()
	if err != nil {
		return nil, err
	}
	var block *pem.Block
	switch k.kind = defaultTo(r.p.Get("KeyType"), "rsa"); k.kind {
	case "ed25519":
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			return nil, err
		}
		k.public, _ = ssh.NewPublicKey(public)
		if block, err = ssh.MarshalPrivateKey(private, ""); err != nil {
			return nil, err
		}
		k.fingerprint = sha256Fingerprint(k.public)
	case "rsa":
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		k.public, _ = ssh.NewPublicKey(&private.PublicKey)
		block = &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}
		der, _ := x509.MarshalPKCS8PrivateKey(private)
		sum := sha1.Sum(der)
		k.fingerprint = colons(sum[:])
	default:
		return nil, refuse("InvalidParameterValue", fmt.Sprintf("Value (%s) for parameter KeyType is invalid.", k.kind))
	}
	r.addKeyPair(k, its)
	return keyItem{ID: k.id, Name: k.name, Fingerprint: k.fingerprint, Material: string(pem.EncodeToMemory(block)), Tags: r.tagSet(k.id)}, nil
}

func importKeyPair(r *request) (any, error) {
	k, its, err := r.newKeyPair()
	if err != nil {
		return nil, err
	}
	if err := r.p.require("PublicKeyMaterial"); err != nil {
		return nil, err
	}
	text, err := base64.StdEncoding.DecodeString(r.p.Get("PublicKeyMaterial"))
	if err == nil {
		k.public, _, _, _, err = ssh.ParseAuthorizedKey(text)
	}
	if err != nil {
		return nil, refuse("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
	}
	switch k.public.Type() {
	case ssh.KeyAlgoED25519:
		k.kind, k.fingerprint = "ed25519", sha256Fingerprint(k.public)
	case ssh.KeyAlgoRSA:
		k.kind = "rsa"
		der, err := x509.MarshalPKIXPublicKey(k.public.(ssh.CryptoPublicKey).CryptoPublicKey())
		if err != nil {
			return nil, err
		}
		sum := md5.Sum(der)
		k.fingerprint = colons(sum[:])
	default:
		return nil, refuse("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
	}
	r.addKeyPair(k, its)
	return keyItem{ID: k.id, Name: k.name, Fingerprint: k.fingerprint, Tags: r.tagSet(k.id)}, nil
}

// sha256Fingerprint is what the user guide ("Verify the fingerprint") says of ED25519 keys.
func sha256Fingerprint(key ssh.PublicKey) string {
	sum := sha256.Sum256(key.Marshal())
	return base64.StdEncoding.EncodeToString(sum[:])
}

func colons(sum []byte) string {
	var parts []string
	for _, b := range sum {
		parts = append(parts, hex.EncodeToString([]byte{b}))
	}
	return strings.Join(parts, ":")
}

func describeKeyPairs(r *request) (any, error) {
	names, ids := r.p.list("KeyName"), r.p.list("KeyPairId")
	for _, name := range names {
		if r.keys[name] == nil {
			return nil, noKey(name)
		}
	}
	for _, id := range ids {
		if r.keyByID(id) == nil {
			return nil, refuse("InvalidKeyPair.NotFound", fmt.Sprintf("The key pair ID '%s' does not exist", id))
		}
	}
	public, err := r.p.flag("IncludePublicKey", false)
	if err != nil {
		return nil, err
	}
	var items []keyItem
	for _, k := range sorted(r.keys) {
		ok, err := r.matches(k.id, anyOf(map[string][]string{"key-name": {k.name}, "key-pair-id": {k.id}, "fingerprint": {k.fingerprint}}))
		if err != nil {
			return nil, err
		}
		if !ok || len(names)+len(ids) > 0 && !slices.Contains(names, k.name) && !slices.Contains(ids, k.id) {
			continue
		}
		item := keyItem{ID: k.id, Name: k.name, Fingerprint: k.fingerprint, Kind: k.kind, Created: stamp(k.created), Tags: r.tagSet(k.id)}
		if public {
			item.Public = k.authorized()
		}
		items = append(items, item)
	}
	return struct {
		Keys set[keyItem] `xml:"keySet"`
	}{set[keyItem]{items}}, nil
}

// deleteKeyPair succeeds for a key pair that does not exist, too.
func deleteKeyPair(r *request) (any, error) {
	k := r.keys[r.p.Get("KeyName")]
	if id := r.p.Get("KeyPairId"); id != "" {
		k = r.keyByID(id)
	} else if err := r.p.require("KeyName"); err != nil {
		return nil, err
	}
	id := ""
	if k != nil {
		id = k.id
		delete(r.keys, k.name)
		delete(r.tags, k.id)
	}
	return struct {
		Return bool   `xml:"return"`
		ID     string `xml:"keyPairId,omitempty"`
	}{true, id}, nil
}
