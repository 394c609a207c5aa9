"""The baseline: a bare grpc.aio server that decodes an EvaluateRequest and sends it back."""

import asyncio
import sys
from collections.abc import AsyncIterator

import grpc
import uvloop

from riskengine.v1 import riskengine_pb2 as pb


async def _echo(message: pb.EvaluateRequest, _: object) -> pb.EvaluateRequest:
    return message


async def _echo_stream(
    messages: AsyncIterator[pb.EvaluateBatchRequest], _: object
) -> AsyncIterator[pb.EvaluateBatchRequest]:
    async for message in messages:
        yield message


async def _serve() -> None:
    server = grpc.aio.server()
    unary = grpc.unary_unary_rpc_method_handler(
        _echo, pb.EvaluateRequest.FromString, pb.EvaluateRequest.SerializeToString
    )
    stream = grpc.stream_stream_rpc_method_handler(
        _echo_stream, pb.EvaluateBatchRequest.FromString, pb.EvaluateBatchRequest.SerializeToString
    )
    methods = {"Evaluate": unary, "EvaluateStream": stream}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("riskengine.v1.RiskEngine", methods),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until whoever started us closes our input
    await server.stop(0)


if __name__ == "__main__":
    uvloop.run(_serve())
