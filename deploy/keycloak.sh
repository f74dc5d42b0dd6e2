#!/bin/bash
# Keycloak fills in a realm from variables alone, so its own process reads the secrets into them.
set -e
export KC_BOOTSTRAP_ADMIN_USERNAME=admin
KC_BOOTSTRAP_ADMIN_PASSWORD=$(< /run/secrets/keycloak-admin)
SCREEN_CLIENT_SECRET=$(< /run/secrets/screen-client)
OPERATOR_CLIENT_SECRET=$(< /run/secrets/operator-client)
PEOPLE_PASSWORD=$(< /run/secrets/people)
export KC_BOOTSTRAP_ADMIN_PASSWORD SCREEN_CLIENT_SECRET OPERATOR_CLIENT_SECRET PEOPLE_PASSWORD
exec /opt/keycloak/bin/kc.sh start --import-realm
