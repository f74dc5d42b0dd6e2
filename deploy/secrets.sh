#!/bin/sh
# What the Compose profile "full" keeps secret, made once: sh deploy/secrets.sh
#
# Passwords, and a certificate authority with the gateway's certificate, in deploy/secrets. What is
# there already stays as it is; delete a file, and run this again, to have a new one. The folder is
# closed to everybody else. The files in it are not, for containers read them as users of their own.
set -eu
umask 022
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
cd secrets

for name in screen session-keys screen-client operator-client people keycloak-admin grafana-admin; do
    [ -s "$name" ] || openssl rand -hex 24 > "$name"
done

curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
if ! [ -s ca.pem ]; then
    openssl req -x509 $curve -days 3650 -keyout ca.key -out ca.pem \
        -subj "/CN=Authority of this machine's firmware distribution tracking"
    chmod 600 ca.key
    rm -f gateway.pem
fi
if ! [ -s gateway.pem ]; then
    openssl req $curve -keyout gateway.key -out gateway.csr -subj "/CN=ssi.localhost"
    echo "subjectAltName=DNS:ssi.localhost,DNS:sso.localhost" > gateway.ext
    openssl x509 -req -days 397 -in gateway.csr -extfile gateway.ext -out gateway.pem \
        -CA ca.pem -CAkey ca.key
    rm gateway.csr gateway.ext
    chmod 644 gateway.key
fi
