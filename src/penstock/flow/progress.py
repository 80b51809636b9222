"""What begins, what ends, and what follows from it.

Beneath it are `attempts`, what is launched, and `agenda`, the list of things to do. The order in which things are done
depends on nothing but the events, so a replay repeats it.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.flow.attempts import Attempts
from penstock.flow.cachekey import cache_key, cache_parts
from penstock.flow.effects import Cancel, LookUpCache, StoreInCache
from penstock.flow.tree import Level, Node, iteration, walk
from penstock.flow.values import LevelValues, YieldValues, bind_parameters
from penstock.flow.verdicts import (
    collected,
    holds,
    is_doomed,
    mark_cancelled,
    mentions_item,
    take_retry,
    why_omitted,
    worst,
)
from penstock.kernel.expr import Expr, evaluate, evaluate_object, is_true
from penstock.kernel.functions import FUNCTIONS, ExprFailed
from penstock.kernel.graph import Command, Compute, Graph, Job, Join, Nested, Wait
from penstock.kernel.policies import Cause
from penstock.kernel.runs import (
    AttemptState,
    CacheHit,
    Failure,
    Result,
    StepKind,
    StepState,
)
from penstock.kernel.values import Value

__all__ = ["Progress"]


class Progress(Attempts):
    """The tree of one run and everything that moves in it.

    Attributes:
        by_path: all nodes.
        looking_up: nodes the cache was asked for.
        on_entered_again: called with the level of an iteration that a retry goes on with.
        on_ended: called with a level that has no owner when all its nodes have ended.
    """

    def __init__(self, graph: Graph, on_ended: Callable[[Level, Failure | None, bool], None]) -> None:
        super().__init__(graph)
        self.by_path: dict[str, Node] = {}
        self.looking_up: dict[str, Node] = {}
        self.on_entered_again: Callable[[Level], None] = self.recheck
        self._on_ended = on_ended

    # What the machine calls.

    def begin_level(self, level: Level) -> None:
        """Make the nodes of a level whose inputs are bound, and begin those that come after nothing."""
        starters = level.unfold()
        for node in level.nodes.values():
            self.by_path[node.path] = node
        for node in starters:
            self._todo.append((self._consider, node))
        if not level.nodes:
            self._todo.append((self._end_level, level))

    def reconsider(self, node: Node) -> None:
        """Look again whether a node can begin, or a group or level go on; for a retry."""
        if node.state is StepState.WAITING:
            self._todo.append((self._consider, node))
        elif node.record.kind is StepKind.GROUP:
            self._todo.append((self._advance, node))

    def recheck(self, level: Level) -> None:
        """Look whether a level has ended, or nodes of it can begin; for a retry."""
        for node in level.nodes.values():
            if node.state is StepState.WAITING:
                self._todo.append((self._consider, node))
        if level.open_count == 0:
            self._todo.append((self._end_level, level))

    def drain(self) -> None:
        """Do all that follows, then launch what may be launched."""
        while True:
            while self._todo:
                action, subject = self._todo.popleft()
                action(subject)  # type: ignore[arg-type]  # each action stands beside its own kind of subject
            if not self._dispatch():
                return

    # Answers.

    def attempt_started(self, attempt_id: str, handle: str | None) -> bool:
        """Take note that work began. False if nobody waits for it."""
        node = self.by_attempt.get(attempt_id)
        if node is None or (attempt := node.record.attempts[-1]).state is not AttemptState.LAUNCHED:
            return False
        attempt.state, attempt.started_at_us, attempt.handle = AttemptState.RUNNING, self.now_us, handle
        if node.record.started_at_us is None:
            node.record.started_at_us = self.now_us
        if node.step.timeout and node.step.timeout.attempt_s is not None:
            self.set_timer(f"attempt:{attempt_id}", node.step.timeout.attempt_s)
        return True

    def attempt_finished(self, attempt_id: str, outcome: Result | Failure) -> bool:
        """Take what came of an attempt. False if nobody waits for it any more."""
        node = self.by_attempt.get(attempt_id)
        if node is None:
            return False
        if isinstance(outcome, Result):
            self._end_attempt(node, AttemptState.SUCCEEDED, None, outcome.exit_code)
            self._succeed(node, outcome)
        else:
            self._end_attempt(node, AttemptState(outcome.cause.value), outcome.message, outcome.exit_code)
            self._fail(node, outcome)
        return True

    def cache_answered(self, path: str, hit: CacheHit | None, reason: str | None) -> bool:
        """Take the cache's answer. False if nobody waits for it."""
        node = self.looking_up.pop(path, None)
        if node is None:
            return False
        node.record.cache_reason = reason
        if hit is None:
            self._make_ready(node)
            return True
        node.record.cache_hit = hit
        node.record.started_at_us = self.now_us
        node.record.outputs, node.record.output_artifacts = dict(hit.outputs), dict(hit.artifacts)
        self._settle(node, StepState.SUCCEEDED, f"taken over from step {hit.path!r} of run {hit.run}")
        return True

    def wait_answered(self, path: str, outputs: dict[str, Value], message: str | None) -> bool:
        """End a wait. False if the step does not wait."""
        node = self.by_path.get(path)
        if node is None or node.state is not StepState.RUNNING or not isinstance(node.step.work, Wait):
            return False
        if message is None:
            self._succeed(node, Result(outputs))
        else:
            self._fail(node, Failure(Cause.FAILED, message))
        return True

    def timer_fired(self, timer: str) -> bool:
        """Take a timer of a step. False if it is not set."""
        if self.timers.pop(timer, None) is None:
            return False
        kind, _, rest = timer.partition(":")
        if kind == "attempt":
            self._attempt_is_late(self.by_attempt[rest])
            return True
        node = self.by_path[rest.rpartition("#")[0] if kind == "retry" else rest]
        match kind:
            case "retry":
                self._try_again(node)
            case "wait":
                self._succeed(node, Result())
            case _:
                self._is_late(node)
        return True

    def cancel(self, level: Level, reason: str, grace_s: float) -> None:
        """End everything in a level that has not ended: what began as cancelled, what did not as omitted."""
        mark_cancelled(level)
        for node in walk(level):
            self._cancel_node(node, reason, grace_s)

    # Beginning.

    def _consider(self, node: Node) -> None:
        if node.state is not StepState.WAITING:
            return
        may_begin = holds(node)
        if may_begin is None:
            return
        if not may_begin or is_doomed(node):
            self._settle(node, StepState.OMITTED, None if may_begin else why_omitted(node))
        elif self._passes_guard(node):
            if node.step.fan_out:
                self._expand(node)
            else:
                self._begin(node)

    def _passes_guard(self, node: Node) -> bool:
        """Decide the guard; settles the node if it does not pass."""
        guard = node.step.guard
        if guard is None or (node.step.fan_out and (node.group is None) == mentions_item(guard)):
            return True
        try:
            if is_true(guard, LevelValues(node.level, self.facts, node)):
                return True
        except ExprFailed as error:
            self._settle_expression(node, "the condition", error)
        else:
            self._settle(node, StepState.SKIPPED, "the condition is false")
        return False

    def _begin(self, node: Node) -> None:
        record, step = node.record, node.step
        record.ready_at_us = self.now_us
        values = LevelValues(node.level, self.facts, node)
        try:
            record.inputs = evaluate_object(step.inputs, values)
            record.artifacts = evaluate_object(step.artifacts, values)
        except ExprFailed as error:
            self._settle_expression(node, "an input", error)
            return
        match step.work:
            case Nested(body):
                self._begin_nested(node, body)
            case Compute(outputs, artifacts):
                self._compute(node, outputs, artifacts)
            case Wait(duration_s):
                self._begin_wait(node, duration_s)
            case Command() | Job():
                self._begin_work(node)

    def _begin_work(self, node: Node) -> None:
        cache = node.step.cache
        if cache is None:
            self._make_ready(node)
            return
        node.cache_parts = cache_parts(node.step, cache, node.record.inputs, node.record.artifacts)
        node.record.cache_key = cache_key(node.cache_parts)
        node.record.state = StepState.LOOKING_UP
        self.looking_up[node.path] = node
        self.ask(LookUpCache(node.path, node.record.cache_key, node.cache_parts, cache.max_age_s))

    def _begin_nested(self, node: Node, body: str) -> None:
        depth = node.level.depth + 1
        if depth > self.graph.max_depth:
            self._settle(node, StepState.ERRORED, f"bodies are nested deeper than {self.graph.max_depth}")
            return
        level = Level(self.graph.bodies[body], node, f"{node.path}/", depth, artifacts=dict(node.record.artifacts))
        try:
            bind_parameters(level, node.record.inputs, self.facts)
        except ExprFailed as error:
            self._settle_expression(node, "an input", error)
            return
        if not self._has_room(node, len(level.body.steps)):
            return
        node.inner = level
        node.record.state, node.record.started_at_us = StepState.RUNNING, self.now_us
        self._start_total_timer(node)
        self.begin_level(level)

    def _begin_wait(self, node: Node, duration_s: Expr | None) -> None:
        try:
            value = evaluate(duration_s, self._work_values(node)) if duration_s is not None else None
            delay_s = None if duration_s is None else FUNCTIONS["double"].body(value)
        except ExprFailed as error:
            self._settle_expression(node, "the duration", error)
            return
        node.record.state, node.record.started_at_us = StepState.RUNNING, self.now_us
        self._start_total_timer(node)
        if isinstance(delay_s, float):
            self.set_timer(f"wait:{node.path}", max(delay_s, 0.0))

    def _compute(self, node: Node, outputs: dict[str, Expr], artifacts: dict[str, Expr]) -> None:
        values = self._work_values(node)
        node.record.started_at_us = self.now_us
        try:
            raw, raw_artifacts = evaluate_object(outputs, values), evaluate_object(artifacts, values)
        except ExprFailed as error:
            self._settle_expression(node, "an output", error)
            return
        self._finish_work(node, raw, raw_artifacts)

    def _expand(self, group: Node) -> None:
        fan_out = group.step.fan_out
        assert fan_out is not None, "only a step that fans out is expanded"
        group.record.ready_at_us = group.record.started_at_us = self.now_us
        try:
            items = evaluate(fan_out.items, LevelValues(group.level, self.facts, group))
            items = FUNCTIONS["parse_json"].body(items) if isinstance(items, str) else items
        except ExprFailed as error:
            self._settle_expression(group, "the loop list", error)
            return
        if not isinstance(items, list):
            self._settle(group, StepState.ERRORED, "the loop list is no list")
            return
        if not items:
            self._settle(group, StepState(fan_out.when_empty.value), "the loop list is empty")
            return
        if not self._has_room(group, len(items)):
            return
        group.record.state = StepState.RUNNING
        group.children = [iteration(group, index, item) for index, item in enumerate(items)]
        for child in group.children:
            self.by_path[child.path] = child
        self._start_total_timer(group)
        self._todo.append((self._advance, group))

    def _advance(self, group: Node) -> None:
        """Begin as many iterations as may be in flight; end the group when none is left."""
        if group.state is not StepState.RUNNING:
            return
        fan_out = group.step.fan_out
        assert fan_out is not None, "only a step that fans out has iterations"
        halted = is_doomed(group) or group.is_cancelled or (fan_out.fail_fast and group.has_failed_child)
        room = fan_out.parallelism or len(group.children)
        while not halted and group.next_child < len(group.children) and group.active_children < room:
            child = group.children[group.next_child]
            group.next_child += 1
            if not child.state.is_final:
                group.active_children += 1
                self._todo.append((self._begin_iteration, child))
        if group.active_children:
            return
        if halted:
            for child in group.children:
                if child.state is StepState.WAITING:
                    child.record.state, child.record.finished_at_us = StepState.OMITTED, self.now_us
        if halted or group.next_child >= len(group.children):
            self._end_group(group)

    def _begin_iteration(self, child: Node) -> None:
        if child.state is not StepState.WAITING:
            return
        if child.inner is not None:
            child.record.state = StepState.RUNNING
            self.on_entered_again(child.inner)
        elif self._passes_guard(child):
            self._begin(child)

    def _has_room(self, node: Node, count: int) -> bool:
        if len(self.by_path) + count <= self.graph.max_steps:
            return True
        self._settle(node, StepState.ERRORED, f"the run would have more than {self.graph.max_steps} steps")
        return False

    # Attempts.

    def _dispatch(self) -> bool:
        """Launch what is ready as far as limits allow. True if something was settled instead, with consequences."""
        limit = self.graph.parallelism
        while self.ready and not self.is_suspended and (limit is None or self.in_flight < limit):
            node = self.ready.popleft()
            level = node.level
            if node.state is not StepState.READY:
                continue
            if is_doomed(node):
                self._settle(node, StepState.OMITTED, "another step of its level failed")
                self._release(level)
            elif level.body.parallelism is not None and level.in_flight >= level.body.parallelism:
                level.held.append(node)
            else:
                self._launch(node)
        return bool(self._todo)

    def _try_again(self, node: Node) -> None:
        if isinstance(node.step.work, Nested):
            node.record.state = StepState.WAITING
            self._todo.append((self._begin, node))
        else:
            self._make_ready(node)

    # Ending.

    def _succeed(self, node: Node, result: Result) -> None:
        artifacts: dict[str, Value] = {name: artifact.as_value() for name, artifact in result.artifacts.items()}
        self._finish_work(node, dict(result.outputs), artifacts)

    def _finish_work(self, node: Node, raw: dict[str, Value], raw_artifacts: dict[str, Value]) -> None:
        step, record = node.step, node.record
        seen = self._work_values(node)
        values = YieldValues(seen.inputs, seen.artifacts, seen.facts, raw, raw_artifacts)
        try:
            record.outputs = {**raw, **evaluate_object(step.yields, values)}
            record.output_artifacts = {**raw_artifacts, **evaluate_object(step.yields_artifacts, values)}
        except ExprFailed as error:
            cause = Cause.FAILED if error.is_deliberate else Cause.ERRORED
            self._fail(node, Failure(cause, error.message))
            return
        if record.cache_key is not None and node.cache_parts is not None:
            parts = node.cache_parts
            self.ask(StoreInCache(node.path, record.cache_key, parts, record.outputs, record.output_artifacts))
        self._settle(node, StepState.SUCCEEDED, None)

    def _fail(self, node: Node, failure: Failure) -> None:
        """Try again if a policy says so; else the node has failed."""
        delay_s = take_retry(self.graph, node, failure, self.now_us)
        if delay_s is None:
            state = StepState.FAILED if failure.cause is Cause.FAILED else StepState.ERRORED
            self._settle(node, state, failure.message)
            return
        self._forget_level(node)
        node.record.message = failure.message
        if delay_s > 0:
            node.record.state = StepState.BACKING_OFF
            node.wait_number += 1
            self.set_timer(f"retry:{node.path}#{node.wait_number}", delay_s)
        else:
            self._try_again(node)

    def _settle_expression(self, node: Node, what: str, error: ExprFailed) -> None:
        if error.is_deliberate:
            self._settle(node, StepState.FAILED, error.message)
        else:
            self._settle(node, StepState.ERRORED, f"{what} has no value: {error.message}")

    def _settle(self, node: Node, state: StepState, message: str | None) -> None:
        """Give a node its final state; what follows is put on the list."""
        record = node.record
        record.state, record.finished_at_us = state, self.now_us
        if message is not None or state is StepState.SUCCEEDED:
            record.message = message
        self.clear_timer(f"total:{node.path}")
        self.clear_timer(f"wait:{node.path}")
        self.clear_timer(f"retry:{node.path}#{node.wait_number}")
        if node.group is not None:
            self._todo.append((self._iteration_ended, node))
            return
        if state.is_failure and not node.step.tolerates_failure:
            node.level.has_failed = True
            if node.level.first_failure is None:
                node.level.first_failure = node
        self._todo.append((self._node_ended, node))

    def _node_ended(self, node: Node) -> None:
        level = node.level
        level.open_count -= 1
        for name in level.successors[node.step.name]:
            successor = level.nodes[name]
            successor.pending -= 1
            if successor.pending == 0 or successor.step.join is Join.ANY:
                self._todo.append((self._consider, successor))
        if level.open_count == 0:
            self._todo.append((self._end_level, level))

    def _iteration_ended(self, child: Node) -> None:
        group = child.group
        assert group is not None and group.step.fan_out is not None, "an iteration belongs to a group"
        group.active_children -= 1
        if child.state.is_failure and not group.step.fan_out.tolerates_failures:
            group.has_failed_child = True
        self._todo.append((self._advance, group))

    def _end_group(self, group: Node) -> None:
        fan_out = group.step.fan_out
        assert fan_out is not None, "only a step that fans out is a group"
        group.record.outputs, group.record.output_artifacts = collected(group)
        if group.late_message is not None:
            self._settle(group, StepState.FAILED, group.late_message)
            return
        failed = [child for child in group.children if child.state.is_failure] if group.has_failed_child else []
        state, message = worst(failed)
        is_cut = group.is_cancelled and any(child.state is StepState.OMITTED for child in group.children)
        if state is StepState.SUCCEEDED and is_cut:
            state, message = StepState.CANCELLED, "cancelled"
        self._settle(group, state, message)

    def _end_level(self, level: Level) -> None:
        """All nodes of a level have ended: say how the level ended."""
        if level.open_count or (level.owner is not None and level.owner.inner is not level):
            return  # taken up again, or dropped, in the meantime
        failed = [node for node in level.nodes.values() if node.state.is_failure and not node.step.tolerates_failure]
        state, message = worst(failed, level.first_failure)
        is_cut = level.is_cancelled and any(node.state is StepState.OMITTED for node in level.nodes.values())
        if state is StepState.SUCCEEDED and is_cut:
            state, message = StepState.CANCELLED, "cancelled"
        failure = None
        if state is not StepState.SUCCEEDED:
            cause = Cause.FAILED if state is StepState.FAILED else Cause.ERRORED
            failure = Failure(cause, message or state.value)
        if level.owner is None:
            self._on_ended(level, failure, state is StepState.CANCELLED)
        elif level.owner.late_message is not None:
            self._settle(level.owner, StepState.FAILED, level.owner.late_message)
        elif state is StepState.CANCELLED:
            self._settle(level.owner, state, message)
        elif failure is not None:
            self._fail(level.owner, failure)
        else:
            self._end_nested(level, level.owner)

    def _end_nested(self, level: Level, owner: Node) -> None:
        try:
            outputs, artifacts = self.outputs_of(level)
        except ExprFailed as error:
            self._fail(owner, Failure(Cause.FAILED if error.is_deliberate else Cause.ERRORED, error.message))
            return
        self._finish_work(owner, outputs, artifacts)

    def outputs_of(self, level: Level) -> tuple[dict[str, Value], dict[str, Value]]:
        """Return the outputs and artifacts of a level that succeeded. Raises: ExprFailed."""
        values = LevelValues(level, self.facts)
        return evaluate_object(level.body.outputs, values), evaluate_object(level.body.artifacts, values)

    # Deadlines and cancellation.

    def _attempt_is_late(self, node: Node) -> None:
        assert node.step.timeout is not None, "only a step with a deadline has this timer"
        message = f"took longer than {node.step.timeout.attempt_s:g} s"
        self.ask(Cancel(node.record.attempts[-1].id, f"deadline: {message}", node.step.timeout.grace_s))
        self._end_attempt(node, AttemptState.TIMED_OUT, message)
        self._fail(node, Failure(Cause.FAILED, message))

    def _is_late(self, node: Node) -> None:
        assert node.step.timeout is not None, "only a step with a deadline has this timer"
        message = f"took longer than {node.step.timeout.total_s:g} s in all"
        reason, grace_s = f"deadline: {message}", node.step.timeout.grace_s
        if node.inner is not None:
            node.late_message = message
            self.cancel(node.inner, reason, grace_s)
            return
        if node.live_attempt:
            self.ask(Cancel(node.record.attempts[-1].id, reason, grace_s))
            self._end_attempt(node, AttemptState.TIMED_OUT, message)
        self._settle(node, StepState.FAILED, message)

    def _cancel_node(self, node: Node, reason: str, grace_s: float) -> None:
        if node.state.is_final:
            return
        if node.state is StepState.RUNNING and (node.children or node.inner is not None):
            return  # ends when what is in it has ended
        if node.group is not None and node.state is StepState.WAITING:
            return  # its group omits it
        if node.live_attempt:
            grace_s = node.step.timeout.grace_s if node.step.timeout else grace_s
            self.ask(Cancel(node.record.attempts[-1].id, reason, grace_s))
            self._end_attempt(node, AttemptState.CANCELLED, reason)
        self.looking_up.pop(node.path, None)
        has_begun = node.state not in (StepState.WAITING, StepState.READY) or node.record.attempts
        self._settle(node, StepState.CANCELLED if has_begun else StepState.OMITTED, reason)

    def _forget_level(self, node: Node) -> None:
        if node.inner is None:
            return
        for below in walk(node.inner):
            self.by_path.pop(below.path, None)
        node.inner = None
