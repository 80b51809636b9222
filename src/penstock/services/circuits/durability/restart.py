"""From what is on disk to a circuit that goes on where it was.

no checkpoint                 an empty circuit
same program                  the checkpoint's state, then the journal's steps
changed program               the tables' rows as the old program had them, taken in by the new one in one step
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from penstock.data.batch import Batch
from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.data.portable import decode_changes, encode_changes
from penstock.services.circuits.built import Built, build
from penstock.services.circuits.durability.checkpoints import Checkpoints, CheckpointUnusable
from penstock.services.circuits.durability.fingerprint import Difference, compare, fingerprints
from penstock.services.circuits.durability.journal import Delivered, Journal, StepTaken
from penstock.services.circuits.durability.keeper import checkpoints_of, journal_of
from penstock.services.circuits.durability.manifest import InputState, Manifest, OutputState
from penstock.services.circuits.durability.state import read_state
from penstock.sql.plan.nodes import Program

__all__ = ["NotCarriedOver", "ProgramChanged", "Restart", "changes_of", "restart"]


class NotCarriedOver(Exception):
    """A changed program that cannot start from the old one's state."""


class ProgramChanged(Exception):
    """A changed program whose start was not allowed, or not yet. difference: names by kind, plain values."""

    def __init__(self, code: str, message: str, difference: Difference) -> None:
        super().__init__(message)
        self.code = code
        self.difference = {name: list(names) for name, names in dataclasses.asdict(difference).items()}


@dataclass(slots=True)
class Restart:
    """A circuit to go on with.

    Attributes:
        manifest: of the checkpoint that it goes on from; None for an empty circuit.
        steps: the journal's steps to take again, with their outputs.
        inputs, outputs: how far they had come, by name, before those steps.
        contents: what a changed program takes in first, by table; None if the state was taken up as it is.
        unchanged: views that mean what they meant, so that their readers have what `contents` makes of them already.
    """

    built: Built
    relations: dict[str, str]
    manifest: Manifest | None = None
    steps: Iterator[StepTaken] = field(default_factory=lambda: iter(()))
    inputs: dict[str, InputState] = field(default_factory=dict)
    outputs: dict[str, OutputState] = field(default_factory=dict)
    contents: dict[str, Batch] | None = None
    unchanged: frozenset[str] = frozenset()


def restart(
    directory: Path, program: Program, compile_program: Callable[[str], Program], carry_over: str = "allow"
) -> Restart:
    """Return the circuit of a program with the state that is kept in a directory.

    Raises: ProgramChanged unless `carry_over` allows it; CheckpointUnusable, JournalDamaged, NotCarriedOver; as build.
    """
    relations = fingerprints(program)
    checkpoints = checkpoints_of(directory)
    checkpoints.tidy()
    manifest = checkpoints.latest()
    if manifest is None:
        return Restart(build(program), relations)
    journal = journal_of(directory, synced=False)
    if manifest.relations == relations:
        built = _restored(program, checkpoints_of(directory), manifest)
        found = Restart(built, relations, manifest, _steps(journal, manifest), _inputs(manifest), _outputs(manifest))
        for entry in journal.entries(manifest.steps):
            if isinstance(entry, Delivered):
                for state in entry.outputs:
                    found.outputs[state.name] = _further(found.outputs.get(state.name), state)
        return found
    _check_allowed(compare(manifest.relations, relations), carry_over)
    old_program = compile_program(manifest.program)
    return _carried_over(program, relations, old_program, directory, manifest, journal)


def _further(kept: OutputState | None, state: OutputState) -> OutputState:
    """Return how far an output had come by the journal, with what it had yet to deliver by the checkpoint."""
    if kept is None:
        return state
    queue = tuple(parcel for parcel in kept.queue if parcel.step > state.step)
    return msgspec.structs.replace(state, taken=max(kept.taken, state.step), queue=queue)


def _check_allowed(changed: Difference, carry_over: str) -> None:
    if carry_over == "reject":
        message = "the program has changed since its state was kept, and the start does not allow that"
        raise ProgramChanged("CarryOverRejected", message, changed)
    if carry_over == "ask":
        message = (
            "the program has changed since its state was kept; approve the changes to have it start from the old rows"
        )
        raise ProgramChanged("ApprovalNeeded", message, changed)


def _restored(program: Program, checkpoints: Checkpoints, manifest: Manifest) -> Built:
    state = read_state(checkpoints, manifest)
    pool = Pool.restored({name.removeprefix("pool/"): a for name, a in state.items() if name.startswith("pool/")})
    built = build(program, pool)
    try:
        built.circuit.restore(state)
    except (KeyError, ValueError, IndexError) as error:
        raise CheckpointUnusable(f"checkpoint {manifest.id} does not fit its program: {error}") from error
    return built


def _steps(journal: Journal, manifest: Manifest) -> Iterator[StepTaken]:
    return (entry for entry in journal.entries(manifest.steps) if isinstance(entry, StepTaken))


def _inputs(manifest: Manifest) -> dict[str, InputState]:
    return {state.name: state for state in manifest.inputs}


def _outputs(manifest: Manifest) -> dict[str, OutputState]:
    return {state.name: state for state in manifest.outputs}


def _carried_over(
    program: Program,
    relations: dict[str, str],
    old_program: Program,
    directory: Path,
    manifest: Manifest,
    journal: Journal,
) -> Restart:
    """Start a changed program from the rows of the old one's tables."""
    changed = compare(manifest.relations, relations)
    kept = [t.name for t in program.tables if t.name not in (*changed.added_tables, *changed.modified_tables)]
    old = _restored(old_program, checkpoints_of(directory), manifest)
    lost = [name for name in kept if not old.materialized(name)]
    if lost:
        raise NotCarriedOver(
            f"the rows of {', '.join(map(repr, lost))} are not kept, so the changed program cannot be given them: "
            "declare the tables 'materialized' or with a primary key, or clear the storage"
        )
    inputs = _inputs(manifest)
    records, size, steps = manifest.records, manifest.input_bytes, manifest.steps
    for entry in _steps(journal, manifest):
        old.circuit.step(changes_of(entry, old), entry.clock_us)
        inputs.update({state.name: state for state in entry.inputs})
        records, size, steps = records + entry.records, size + entry.size_bytes, entry.step
    built = build(program)
    contents: dict[str, Batch] = {name: _moved(name, old, built) for name in kept}
    views = (f"view {view.name}" for view in program.views)
    unchanged = (name for name in views if manifest.relations.get(name) == relations[name])
    stale = (*changed.removed_tables, *changed.modified_tables)
    return Restart(
        built,
        relations,
        msgspec.structs.replace(manifest, records=records, input_bytes=size, steps=steps),
        iter(()),
        {name: state for name, state in inputs.items() if state.table not in stale},
        _outputs(manifest),
        contents,
        frozenset(name.removeprefix("view ") for name in unchanged),
    )


def _moved(table: str, old: Built, new: Built) -> Changes:
    """Return a table's rows with their values in the new circuit's pool."""
    types = [column.type for column in old.layouts[table].columns]
    fates = [column.fate for column in new.layouts[table].columns]
    return decode_changes(encode_changes(old.circuit.contents(table), types, old.pool), types, fates, new.pool)


def changes_of(entry: StepTaken, built: Built) -> dict[str, Batch]:
    """Return a journalled step's input."""
    changes: dict[str, Batch] = {}
    for table, encoded in entry.tables.items():
        columns = built.layouts[table].columns
        changes[table] = decode_changes(encoded, [c.type for c in columns], [c.fate for c in columns], built.pool)
    return changes
