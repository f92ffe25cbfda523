"""gRPC's stock ADS stubs against a control plane: subscribe, ACK, update, NACK, in both forms.

usage: ads.py HOST:PORT sotw|delta

Prints one JSON object per event to standard output, so that the test that runs it can act between
the steps; it reads commands, one a line, from standard input:

    subscribe TYPE NAME...   (no NAME: wildcard)
    ack TYPE                 acknowledge the last answer of that type
    nack TYPE MESSAGE        refuse it
"""

import json
import queue
import sys
import threading

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from google.rpc import status_pb2

TYPES = {
    "LDS": "type.googleapis.com/envoy.config.listener.v3.Listener",
    "RDS": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    "CDS": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "EDS": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
}
SHORT = {url: short for short, url in TYPES.items()}
NODE = base_pb2.Node(id="router~127.0.0.1~stock.istio-system~istio-system.svc.cluster.local")
NODE.metadata.update({"NAMESPACE": "istio-system", "LABELS": {"istio": "ingressgateway"}})


def say(**event):
    print(json.dumps(event), flush=True)


class Client:
    """One stream; keeps the last answer of each type so that it can be acknowledged."""

    def __init__(self, address, delta):
        self.delta = delta
        self.requests = queue.Queue()
        self.last = {}
        self.names = {}
        self.first = True
        stub = ads_pb2_grpc.AggregatedDiscoveryServiceStub(grpc.insecure_channel(address))
        call = stub.DeltaAggregatedResources if delta else stub.StreamAggregatedResources
        self.answers = call(iter(self.requests.get, None))
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        try:
            for answer in self.answers:
                short = SHORT[answer.type_url]
                self.last[short] = answer
                if self.delta:
                    names = sorted(r.name for r in answer.resources)
                    say(event="answer", type=short, names=names, removed=sorted(answer.removed_resources))
                else:
                    say(event="answer", type=short, count=len(answer.resources), version=answer.version_info)
        except grpc.RpcError as error:
            say(event="end", code=str(error.code()), details=error.details())

    def send(self, short, error=None, subscribe=None):
        last = self.last.get(short)
        kind = discovery_pb2.DeltaDiscoveryRequest if self.delta else discovery_pb2.DiscoveryRequest
        request = kind(type_url=TYPES[short])
        if self.first:
            request.node.CopyFrom(NODE)
            self.first = False
        if subscribe is not None:
            self.names[short] = subscribe
            if self.delta:
                request.resource_names_subscribe.extend(subscribe)
        else:
            request.response_nonce = last.nonce
        if not self.delta:
            request.resource_names.extend(self.names.get(short, []))
            if last is not None:
                request.response_nonce = last.nonce
                if error is None:
                    request.version_info = last.version_info
        if error is not None:
            request.error_detail.CopyFrom(status_pb2.Status(code=3, message=error))
        self.requests.put(request)


def main():
    address, form = sys.argv[1:]
    client = Client(address, form == "delta")
    for line in sys.stdin:
        word, short, *rest = line.split()
        if word == "subscribe":
            client.send(short, subscribe=rest)
        elif word == "ack":
            client.send(short)
        elif word == "nack":
            client.send(short, error=" ".join(rest))
        say(event="sent", command=line.strip())
    client.requests.put(None)


main()
