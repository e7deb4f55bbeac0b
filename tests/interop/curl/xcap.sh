#!/bin/sh
# An XDM client made of curl and xmllint: digest over TLS, conditions, parts, gzip, and the JSON face.
# Usage: xcap.sh HTTPS-ADDRESS HTTP-ADDRESS CERTIFICATE
set -eu
https="https://$1" http="http://$2" certificate="$3"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
index=/xcap-root/resource-lists/users/sip:alice@example.com/index
friends="$index/~~/resource-lists/list%5b@name=%22friends%22%5d"
lists='Content-Type: application/resource-lists+xml'
element='Content-Type: application/xcap-el+xml'

# say STATUS CURL-ARGUMENTS..: the request is answered with this status; head and body stay in files.
say() {
    wanted=$1
    shift
    got=$(curl -sS --max-time 20 --cacert "$certificate" -D head -o body -w '%{http_code}' "$@")
    if [ "$got" != "$wanted" ]; then
        echo "wanted $wanted, got $got: $*" >&2
        cat head body >&2
        exit 1
    fi
}
alice() { say "$@" --digest -u alice:wonderland; }

cat > lists.xml <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">
  <list name="friends">
    <entry uri="sip:bob@example.com"/>
  </list>
</resource-lists>
XML

say 401 "$https$index"
say 401 "$https$index" --digest -u alice:wrong
alice 404 "$https$index"
alice 201 "$https$index" -T lists.xml -H "$lists" -H 'If-None-Match: *'
alice 412 "$https$index" -T lists.xml -H "$lists" -H 'If-None-Match: *'
alice 200 "$https$index"
cmp body lists.xml
xmllint --noout body
say 403 "$https$index" --digest -u bob:builder

# Conditions as curl keeps them.
alice 200 "$https$index" --etag-save etag
alice 304 "$https$index" --etag-compare etag

# A part, with a body that waits for leave.
alice 201 "$https$friends/entry%5b@uri=%22sip:carol@example.com%22%5d" -X PUT -H "$element" \
    -H 'Expect: 100-continue' -d '<entry uri="sip:carol@example.com"/>'
alice 200 "$https$index" --etag-compare etag
names=$(xmllint --xpath 'count(//*[local-name()="entry"])' body)
[ "$names" = 2 ]
alice 200 "$https$friends/entry%5b2%5d/@uri"
[ "$(cat body)" = '"sip:carol@example.com"' ]
alice 409 "$https$friends" -X PUT -H "$element" -d '<list name="others"/>'
xmllint --xpath '//*[local-name()="cannot-insert"]' body > /dev/null

# Packed both ways, over HTTP on loopback.
gzip -k lists.xml
alice 200 "$http$index" -T lists.xml.gz -H "$lists" -H 'Content-Encoding: gzip'
alice 200 "$http$index" --compressed
cmp body lists.xml
long="$(seq -f '<entry uri="sip:c%g@example.com"/>' 1 200)"
printf '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>%s</list></resource-lists>' "$long" > long.xml
alice 200 "$http$index" -T long.xml -H "$lists"
alice 200 "$http$index" --compressed
grep -qi '^content-encoding: gzip' head
cmp body long.xml

# HEAD, OPTIONS, and a method that is not there.
alice 200 "$https$index" -I
say 200 "$https$index" -X OPTIONS
grep -qi '^allow: .*PUT' head
alice 405 "$https$index" -X POST -d x

# The JSON face.
alice 201 "$https/v1/users/alice@example.com/lists" -X PUT -H 'Content-Type: application/json' \
    -d '{"lists": [{"name": "friends", "contacts": ["bob@example.com"]}]}'
alice 200 "$https$friends"
xmllint --xpath '//*[local-name()="entry"]' body > /dev/null
alice 200 "$https/xcap-root/org.openmobilealliance.xcap-directory/users/sip:alice@example.com/directory.xml"
xmllint --xpath '//*[local-name()="folder"][@auid="resource-lists"]/*[local-name()="entry"]' body > /dev/null
alice 200 "$https$index" -X DELETE
alice 404 "$https$index"
