"""Two services of BentoML, each a process of its own: the first calls the second, as two deployments in a row do."""

from __future__ import annotations

import bentoml


@bentoml.service(workers=1)
class Add5:
    """The second step."""

    @bentoml.api
    def run(self, input: int) -> int:
        """Add."""
        return input + 5


@bentoml.service(workers=1)
class Two:
    """The first step, and the call of the second."""

    second = bentoml.depends(Add5)

    @bentoml.api
    async def run(self, input: int) -> int:
        """Double, then have the rest done."""
        return int(await self.second.to_async.run(input=input * 2))
