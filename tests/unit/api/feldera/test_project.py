"""Every state of the core has words here, and edits and refusals follow from records alone."""

from itertools import product

import msgspec
import pytest

from penstock.api.feldera import lower, project, rules
from penstock.api.feldera.errors import Refusal, refusal
from penstock.api.feldera.kinds import face_of
from penstock.kernel.circuits import Aim, CircuitState, ProgramState, StorageState
from penstock.services.circuits.process import Chunk, Missed
from penstock.services.circuits.record import Deployment, Fault, StatusChange
from tests.unit.api.feldera.builders import AT, circuit, record


def test_every_combination_of_states_can_be_shown() -> None:
    for state, aim, program, storage in product(CircuitState, Aim, ProgramState, StorageState):
        shown = project.pipeline(circuit(record(state=state, aim=aim, program_state=program, storage=storage)))
        event = project.event(StatusChange("e", AT, program, state, aim, storage, None), "all")

        assert shown.deployment_status
        assert (shown.deployment_runtime_status is None) == (shown.deployment_resources_status != "Provisioned")
        assert event.deployment_resources_status == shown.deployment_resources_status
        assert event.deployment_runtime_desired_status == shown.deployment_runtime_desired_status


def test_instants_are_written_with_microseconds_and_a_z() -> None:
    assert project.pipeline(circuit(record())).created_at == "2024-01-02T03:04:05.000678Z"


def test_the_initial_state_is_shown_from_provisioning_on() -> None:
    early = record(aim=Aim.PAUSED, deployment=Deployment(Aim.PAUSED, {}))
    later = record(aim=Aim.PAUSED, state=CircuitState.STARTING, deployment=Deployment(Aim.PAUSED, {}, id="d"))

    assert project.pipeline(circuit(early)).deployment_initial is None
    assert project.pipeline(circuit(later)).deployment_initial == "Paused"


def test_refresh_counts_edits_and_milestones() -> None:
    assert project.pipeline(circuit(record(milestones=2))).refresh_version == 3


@pytest.mark.parametrize("text", ["", "x", "e30=", "WyJhIl0=", "ä"])
def test_a_token_of_somebody_else_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        project.read_token(text)


def test_a_token_can_be_read_back() -> None:
    assert project.read_token(project.token("d", "t.api-ingress-1", 7)) == ("d", "t.api-ingress-1", 7)


def test_lines_of_an_egress_stream() -> None:
    assert project.chunk_line(3, "json", Chunk(b'[{"insert":1}]', False, 9)) == (
        b'{"sequence_number":3,"snapshot":false,"json_data":[{"insert":1}],"processed_steps":9}\r\n'
    )
    assert project.chunk_line(0, "json", Chunk(None, False, None)) == (
        b'{"sequence_number":0,"snapshot":false,"json_data":[]}\r\n'
    )
    assert project.chunk_line(0, "csv", Chunk(b'1,"a"\n', True, None)) == (
        b'{"sequence_number":0,"snapshot":true,"text_data":"1,\\"a\\"\\n"}\r\n'
    )
    missed = Chunk(None, False, 9, Missed(3, 5, 7))
    assert b'"missed":{"chunks":3,"first_step":5,"last_step":7},"json_data":[]' in project.chunk_line(0, "json", missed)
    assert b'"bin_data":"AQI="' in project.chunk_line(0, "parquet", Chunk(b"\x01\x02", False, None))


def test_an_unknown_code_of_a_circuit_is_a_400_that_names_it() -> None:
    error = refusal("SomethingNew", "has happened")

    assert (type(error).__name__, error.message) == ("InvalidParam", "SomethingNew: has happened")


# ---- edits


def test_tags_and_description_count_as_no_edit() -> None:
    before = record()
    target = lower.patched({"tags": ["a"], "description": "d"}, "p", before)

    after, is_core = lower.edited("p", before, target)

    assert not is_core
    assert (face_of(after).tags, face_of(after).version) == (("a",), 1)


@pytest.mark.parametrize(
    ("patch", "version", "program_version"),
    [
        ({}, 1, 1),
        ({"name": "q"}, 2, 1),
        ({"runtime_config": {"workers": 2}}, 2, 1),
        ({"runtime_config": {"workers": 8}}, 1, 1),
        ({"program_code": "x"}, 2, 2),
        ({"program_code": "x", "name": "q"}, 2, 2),
        ({"udf_rust": "x"}, 2, 2),
        ({"program_config": {"profile": "dev"}}, 2, 2),
        ({"program_config": {}}, 1, 1),
    ],
)
def test_counters_move_with_what_changes(patch: object, version: int, program_version: int) -> None:
    before = record()

    after, _ = lower.edited("p", before, lower.patched(patch, "p", before))

    face = face_of(after)
    assert (face.version, face.program_version) == (version, program_version)
    assert after.program_revision == program_version


@pytest.mark.parametrize(
    ("patch", "blocked"),
    [
        ({"runtime_config": {"workers": 2}}, ["`runtime_config.workers`"]),
        ({"name": "q"}, ["`name`"]),
        (
            {"runtime_config": {"resources": {"namespace": "n", "storage_class": "c"}}},
            ["`runtime_config.resources.namespace`", "`runtime_config.resources.storage_class`"],
        ),
        ({"runtime_config": {"env": {"A": "b"}}}, []),
        ({"program_code": "x"}, []),
    ],
)
def test_storage_in_use_blocks_some_edits(patch: object, blocked: list[str]) -> None:
    before = record(storage=StorageState.IN_USE)
    target = lower.patched(patch, "p", before)

    try:
        rules.check_core_edit("p", before, target.name, target.face.runtime_config)
        found = []
    except Refusal as refused:
        found = refused.details["not_allowed"]
    assert found == blocked


@pytest.mark.parametrize("bad", ["", "a" * 64, "-a", "a-", "a b", "a/b", "ä"])
def test_bad_names_are_refused_only_where_they_are_new(bad: str) -> None:
    with pytest.raises(Refusal):
        lower.wanted({"name": bad, "program_code": ""})

    lower.patched({"description": "d"}, bad, record())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"tags": ["x"] * 51}, "TooManyTags"),
        ({"tags": [""]}, "InvalidTag"),
        ({"tags": ["a#b"]}, "InvalidTag"),
        ({"description": "d" * 301}, "TooLongDescription"),
        ({"program_config": {"runtime_version": "newest"}}, "InvalidRuntimeVersion"),
        ({"program_config": {"runtime_version": "v0.1.0"}}, "InvalidRuntimeVersion"),
        ({"program_config": 7}, "InvalidProgramConfig"),
    ],
)
def test_bad_fields_have_codes_of_their_own(body: dict[str, object], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        lower.wanted({"name": "p", "program_code": "", **body})

    assert type(refused.value).__name__ == code


# ---- guards


def test_only_what_is_stopped_and_cleared_can_be_deleted() -> None:
    allowed = []
    for state, aim, storage in product(CircuitState, Aim, StorageState):
        try:
            rules.check_delete(record(state=state, aim=aim, storage=storage))
        except Refusal:
            continue
        allowed.append((state, aim, storage))

    assert allowed == [(CircuitState.STOPPED, Aim.STOPPED, StorageState.EMPTY)]


def test_an_error_is_dismissed_by_the_start_unless_told_otherwise() -> None:
    failed = record(fault=Fault("RuntimeError.WorkerPanic", "panic"), program_state=ProgramState.READY)
    options = lower.start_options({})

    rules.check_start(failed, options)
    with pytest.raises(Refusal, match="not dismissed"):
        rules.check_start(failed, lower.start_options({"dismiss_error": "false"}))


def test_the_face_survives_the_store() -> None:
    before = record(program="x")

    assert msgspec.json.decode(msgspec.json.encode(before), type=type(before)) == before
