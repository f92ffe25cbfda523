"""Calls every method of grpc_server.py and prints what came back, one call a line:
name, status, details, a trailer, the messages.

usage: grpc_client.py PORT
"""

import sys

import grpc

options = [("grpc.default_authority", "app.example"), ("grpc.enable_http_proxy", 0)]
channel = grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}", options=options)


def show(name, call, messages):
    trailers = dict(call.trailing_metadata() or ())
    text = " ".join(m.decode() if len(m) < 100 else f"<{len(m)}>" for m in messages)
    print(f"{name}|{call.code().name}|{call.details()}|{trailers.get('x-trailer', '-')}|{text}", flush=True)


def unary(name, method, message, timeout=10, metadata=()):
    try:
        answer, call = channel.unary_unary(method).with_call(message, timeout=timeout, metadata=metadata)
        show(name, call, [answer])
    except grpc.RpcError as error:
        show(name, error, [])


def streaming(name, call):
    messages = []
    try:
        for message in call:
            messages.append(message)
    except grpc.RpcError:
        pass
    show(name, call, messages)


service = "/test.Service/"
unary("unary", service + "Echo", b"hello")
unary("large", service + "Echo", b"x" * 1_000_000)
streaming("stream", channel.unary_stream(service + "Count")(b"5", timeout=10))
streaming("bidi", channel.stream_stream(service + "Talk")(iter([b"a", b"b"]), timeout=10))
answer, call = channel.stream_unary(service + "Gather").with_call(iter([b"a", b"b", b"c"]), timeout=10)
show("gather", call, [answer])
streaming("late", channel.unary_stream(service + "FailLate")(b"", timeout=10))
unary("only", service + "Fail", b"")
unary("unknown", service + "Nothing", b"")
unary("deadline", service + "Hang", b"", timeout=0.5)
unary("no-route", "/nowhere.Service/Echo", b"")
unary("no-endpoint", "/empty.Service/Echo", b"")
unary("refused", "/refused.Service/Echo", b"")
unary("timeout", "/slow.Service/Hang", b"")
