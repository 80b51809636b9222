"""Is anybody there, and what kind of server is it?"""

from penstock import __version__
from penstock.api.shared.call import Call
from penstock.api.shared.operation import Answer

__all__ = ["authorise", "health"]


async def health(call: Call) -> Answer:
    """Say that the server is up, for one user, and which version it is."""
    return Answer({"multi_user": False, "commit_sha": "unknown", "tag_name": __version__, "pipeline_store": "database"})


async def authorise(call: Call) -> Answer:
    """Say yes: whoever gets here has been let in."""
    return Answer({})
