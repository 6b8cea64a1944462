"""Routes that are asked all the time: what their endpoints need is found without resolving a graph of dependencies."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from mailmine.api.asking import asked


class FlatRoute(APIRoute):
    """A route whose endpoint takes the request, parts of its path as they are, and what takes the request alone.

    Finding that out anew for every request, as the framework does, costs more than reading fifty comments.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Make what answers a request. Raises TypeError where it would not ask who sends it."""
        endpoint: Callable[..., Awaitable[Response]] = self.endpoint
        path = [one.name for one in self.dependant.path_params]
        needs: dict[str, Callable[[Request], Awaitable[Any]]] = {
            one.name: one.call
            for one in self.dependant.dependencies
            if one.name is not None and one.call is not None
        }
        # As it stands first, nobody is answered who may not ask.
        if next(iter(needs.values()), None) is not asked:
            raise TypeError(f"{self.path} does not ask first who sends a request")

        async def answer(request: Request) -> Response:
            given = {name: request.path_params[name] for name in path}
            for name, call in needs.items():
                given[name] = await call(request)
            return await endpoint(request=request, **given)

        return answer
