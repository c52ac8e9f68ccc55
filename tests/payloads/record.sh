#!/bin/bash
# Renews the payloads of this folder: lets Prometheus and Alertmanager, as installed here, fire and
# recover against a recorder on loopback, and saves the bodies that they send.
#   tests/payloads/record.sh [FOLDER]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
into=$(cd "${1:-$here}" && pwd)
work=$(mktemp -d)
pids=()
finish() {
    if ((${#pids[@]})); then kill "${pids[@]}" 2>/dev/null || true; fi
    wait
    rm -rf "$work"
}
trap finish EXIT

python3 "$here/record.py" "$into" >"$work/recorder" &
pids+=($!)
# Waits for a line in a file, a minute at most.
await() {
    for _ in $(seq 600); do
        if grep -qE "$1" "$2" 2>/dev/null; then return; fi
        sleep 0.1
    done
    echo "nothing like '$1' came within a minute:" >&2
    tail -n 20 "$2" >&2
    exit 1
}
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
await '^[0-9]+$' "$work/recorder"
recorder=$(head -n 1 "$work/recorder")
alertmanager=$(free_port)

cat >"$work/alertmanager.yml" <<YAML
route:
  receiver: incidentd
  group_by: [alertname, service]
  # Longer than Prometheus takes to find its receivers, so that both alerts come as one group.
  group_wait: 15s
  group_interval: 1s
receivers:
  - name: incidentd
    webhook_configs:
      - url: http://127.0.0.1:$recorder/alertmanager
        send_resolved: true
    pagerduty_configs:
      - url: http://127.0.0.1:$recorder/v2/enqueue
        routing_key: 0123456789abcdef0123456789abcdef
        send_resolved: true
YAML
rule() {
    cat >"$work/rules.yml" <<YAML
groups:
  - name: recorded
    rules:
      - alert: DiskFull
        expr: >-
          (label_replace(vector(97), "instance", "db-3", "", "")
          or label_replace(vector(98), "instance", "db-4", "", "")) > $1
        labels: { severity: critical, service: checkout }
        annotations:
          summary: "Disk of {{ \$labels.instance }} is full"
          description: "{{ \$value }} % of /var are used"
          runbook_url: https://runbooks.example.com/disk
YAML
}
rule 90
cat >"$work/prometheus.yml" <<YAML
global:
  evaluation_interval: 1s
  external_labels: { cluster: eu-1 }
rule_files: ['$work/rules.yml']
alerting:
  alertmanagers:
    - static_configs: [{ targets: ['127.0.0.1:$recorder', '127.0.0.1:$alertmanager'] }]
YAML

prometheus-alertmanager --config.file="$work/alertmanager.yml" --storage.path="$work/am" \
    --web.listen-address="127.0.0.1:$alertmanager" --cluster.listen-address= \
    --web.external-url=http://alertmanager.example.com \
    >"$work/alertmanager.log" 2>&1 &
pids+=($!)
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
    --web.listen-address=127.0.0.1:0 --rules.alert.resend-delay=5s \
    --web.external-url=http://prometheus.example.com \
    >"$work/prometheus.log" 2>&1 &
prometheus=$!
pids+=("$prometheus")

for state in prometheus-api-v2-firing alertmanager-webhook-firing alertmanager-pagerduty-v2-trigger; do
    await "^$state$" "$work/recorder"
done
# The same rule that finds nothing any more: Prometheus says that the alerts are over.
rule 99
kill -HUP "$prometheus"
for state in prometheus-api-v2-resolved alertmanager-webhook-resolved alertmanager-pagerduty-v2-resolve; do
    await "^$state$" "$work/recorder"
done
tail -n +2 "$work/recorder"
