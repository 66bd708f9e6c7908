#!/usr/bin/env bash
# User data of an EC2 instance (Amazon Linux 2023, x86_64 or arm64) that runs docker-compose.yaml for an environment on
# AWS. The instance profile must have the stack's Airflow role. Fill in the four variables; docs/team-airflow.md says how.
set -euo pipefail

ENVIRONMENT=dev
REGION=us-east-1
# An archive of the checkout that `make publish` has published jobs of: git archive --format=tar.gz HEAD
SOURCE=s3://BUCKET/releases/clickstream.tar.gz
# A parameter of type SecureString that holds the text of .env, so that a new instance has the old one's secrets.
SECRETS=/clickstream/dev/airflow-env

HOME_FOLDER=/opt/clickstream-host
COMPOSE_VERSION=v2.40.3

install_engine() {
  dnf install -y -q docker
  local plugins=/usr/local/lib/docker/cli-plugins
  mkdir -p "$plugins"
  curl -fsSL -o "$plugins/docker-compose" \
    "https://github.com/docker/compose/releases/download/$COMPOSE_VERSION/docker-compose-linux-$(uname -m)"
  chmod +x "$plugins/docker-compose"
  systemctl enable --now docker
}

fetch_checkout() {
  mkdir -p "$HOME_FOLDER"
  aws s3 cp --region "$REGION" "$SOURCE" - | tar -xz -C "$HOME_FOLDER"
}

write_env() {
  umask 077
  aws ssm get-parameter --region "$REGION" --name "$SECRETS" --with-decryption --query Parameter.Value --output text \
    >"$HOME_FOLDER/.env"
  grep -q "^CLICKSTREAM_ENVIRONMENT=$ENVIRONMENT\$" "$HOME_FOLDER/.env" || {
    echo "the parameter $SECRETS is not the .env of $ENVIRONMENT" >&2
    return 1
  }
}

start() {
  cd "$HOME_FOLDER"
  docker compose build
  docker compose up -d
}

[[ ${BASH_SOURCE[0]} == "$0" ]] || return 0 # a test takes single steps from here
install_engine
fetch_checkout
write_env
start
