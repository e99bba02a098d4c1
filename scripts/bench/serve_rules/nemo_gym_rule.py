"""The rule as a resources server of NeMo-Gym, started as its `run_webserver` does but for Ray and the head server; runs in its environment."""

import sys

import uvicorn
from nemo_gym.base_resources_server import BaseResourcesServerConfig, BaseVerifyRequest, BaseVerifyResponse, SimpleResourcesServer
from nemo_gym.config_types import BaseServerConfig
from nemo_gym.server_utils import ServerClient
from omegaconf import DictConfig
from rule import correct as rule


class Request(BaseVerifyRequest):
    answer: str


class Response(BaseVerifyResponse):
    answer: str


class Rule(SimpleResourcesServer):
    config: BaseResourcesServerConfig

    async def verify(self, body: Request) -> Response:
        text = "".join(part.text for item in body.response.output if item.type == "message" for part in item.content)
        score, _ = rule(text, body.answer)
        return Response(**body.model_dump(), reward=score)


if __name__ == "__main__":
    port = int(sys.argv[1])
    config = BaseResourcesServerConfig(host="127.0.0.1", port=port, entrypoint="", name="rule")
    head = BaseServerConfig(host="127.0.0.1", port=port)
    server = Rule(config=config, server_client=ServerClient(head_server_config=head, global_config_dict=DictConfig({})))
    app = server.setup_webserver()
    server.setup_liveness(app)
    server.setup_exception_middleware(app)
    uvicorn.run(app, host="127.0.0.1", port=port, timeout_graceful_shutdown=1, timeout_keep_alive=30)
