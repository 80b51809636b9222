"""Runs of all dialects: list, show, explain, steer."""

from penstock.api.native.project_runs import cache_answer, run_detail, run_row
from penstock.api.native.wire_runs import CacheAnswer, RunDetail, RunList, RunRow
from penstock.api.shared.call import Call
from penstock.api.shared.paging import cursor_of, token_of
from penstock.api.shared.parameters import choice, flag, integer, required
from penstock.kernel.errors import Denied, NotFound
from penstock.kernel.query import AllOf, Compare, Comparison, Order, Predicate
from penstock.kernel.runs import RunState
from penstock.kernel.scope import Scope
from penstock.services.runs.record import Run

__all__ = ["found", "list_runs", "retry", "show", "stop", "why_cached"]

GRACE_S = 30.0
"""How long steps of a run that is stopped may take to end."""
_NEWEST_FIRST = Order("created_at", descending=True)
_STATES = ("", *(state.value for state in RunState))


async def list_runs(call: Call) -> RunList:
    """List runs, the newest first. `state`, `name`, `origin` narrow it; `scope` names one below the caller's own."""
    size = integer(call.query, "limit", 20, least=1, most=200)
    state = choice(call.query, "state", "", _STATES)
    given = (("state", state), ("title", call.query.get("name", "")), ("origin", call.query.get("origin", "")))
    parts: list[Predicate] = [Compare(column, Comparison.EQ, text) for column, text in given if text]
    where = AllOf(tuple(parts))
    after = cursor_of(call.query.get("page_token", ""), _NEWEST_FIRST)
    runs, scope = call.services.runs, _scope(call)
    page = await runs.page(scope, where=where, order=_NEWEST_FIRST, limit=size, after=after)
    return RunList(
        runs=[run_row(run) for run in page.runs],
        total_count=await runs.count(scope, where),
        next_page_token=token_of(page.next, _NEWEST_FIRST) or None,
    )


async def show(call: Call) -> RunDetail:
    """Show a run with all its steps."""
    run = await found(call)
    runs = call.services.runs
    return run_detail(run, await runs.graph(run.id), await runs.steps(run.id))


async def why_cached(call: Call) -> CacheAnswer:
    """Say why the step of path `step` was, or was not, taken over from an earlier one."""
    run = await found(call)
    path = required(call.query, "step")
    return cache_answer(run.id, path, await call.services.runs.why_cached(run.id, path))


async def retry(call: Call) -> RunRow:
    """Do again what did not succeed, on the same run; with `from`, that step as well, and what comes after it."""
    run = await found(call)
    return run_row(await call.services.runs.retry(run.id, from_path=call.query.get("from")))


async def stop(call: Call) -> RunRow:
    """Stop a run; its exit level still runs, unless `force` is true."""
    run = await found(call)
    force = flag(call.query, "force", False)
    stopped = await call.services.runs.stop(
        run.id, reason="stopped by the user", grace_s=0.0 if force else GRACE_S, is_forced=force
    )
    return run_row(stopped)


async def found(call: Call) -> Run:
    """Return the run of the path.

    Raises: NotFound, also if it is none of the caller's.
    """
    run = await call.services.runs.get(call.path["id"])
    if not call.scope.contains(run.scope):
        raise NotFound(f"there is no run {call.path['id']!r}")
    return run


def _scope(call: Call) -> Scope:
    wanted = Scope.parse(call.query["scope"]) if call.query.get("scope") else call.scope
    if not call.scope.contains(wanted):
        raise Denied(f"scope {str(wanted)!r} is not below yours, {str(call.scope)!r}")
    return wanted
