"""A gRPC server without generated code: messages are bytes.

usage: grpc_server.py PORT
"""

import sys
from concurrent import futures

import grpc


def echo(request, context):
    context.set_trailing_metadata((("x-trailer", "unary"),))
    seen = dict(context.invocation_metadata())
    context.send_initial_metadata((("x-authority", seen.get("x-authority", "-")),))
    return request


def count(request, context):
    for n in range(int(request)):
        yield str(n).encode()
    context.set_trailing_metadata((("x-trailer", "stream"),))


def gather(requests, context):
    return b",".join(requests)


def talk(requests, context):
    for request in requests:
        yield request.upper()


def fail_late(request, context):
    yield b"first"
    context.set_trailing_metadata((("x-trailer", "late"),))
    context.abort(grpc.StatusCode.DATA_LOSS, "lost: 50% of it")


def fail(request, context):
    context.set_trailing_metadata((("x-trailer", "only"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")


def hang(request, context):
    stopped = futures.Future()
    context.add_callback(lambda: stopped.set_result(None))
    stopped.result(timeout=60)
    return b""


METHODS = {
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Gather": grpc.stream_unary_rpc_method_handler(gather),
    "Talk": grpc.stream_stream_rpc_method_handler(talk),
    "FailLate": grpc.unary_stream_rpc_method_handler(fail_late),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Hang": grpc.unary_unary_rpc_method_handler(hang),
}

server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", METHODS),))
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()
