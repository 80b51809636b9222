"""What the tests of both generations of the client build with: packages, deployments and pipelines in few words."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ubiops

from tests.conformance.serving import wait_for

__all__ = ["ADD5", "BOOM", "TIMES2", "Bench", "chain", "code", "fields", "link", "step", "zipped"]

FINAL = ("completed", "failed", "cancelled")


def code(body: str, head: str = "", method: str = "request") -> str:
    """Return the text of a deployment.py with one method."""
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    return f"{head}\n\nclass Deployment:\n    def {method}(self, data, context):\n{lines}\n"


ADD5 = code('return {"output": data["input"] + 5}')
TIMES2 = code('return {"output": data["input"] * 2}')
BOOM = code('raise RuntimeError("not for the caller")')


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """Return a zip with these files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def fields(text: str) -> list[dict[str, str]]:
    """Read `name:type, name:type`."""
    pairs = (part.split(":") for part in text.split(",") if part.strip())
    return [{"name": name.strip(), "data_type": kind.strip()} for name, kind in pairs]


def step(name: str, reference: str | None = None, kind: str = "deployment", **more: Any) -> dict[str, Any]:
    """Return an object of a pipeline version."""
    return {"name": name, "reference_type": kind, "reference_name": reference or name, **more}


def link(destination: str, **sources: str) -> dict[str, Any]:
    """Return an attachment; `start` and `end` are the pipeline's ends, a mapping is `from:to, from:to`."""
    ends = {"start": "pipeline_start", "end": "pipeline_end"}

    def mapping(text: str) -> list[dict[str, str]]:
        pairs = (part.split(":") for part in text.split(",") if part.strip())
        return [{"source_field_name": a.strip(), "destination_field_name": b.strip()} for a, b in pairs]

    made = [{"source_name": ends.get(name, name), "mapping": mapping(text)} for name, text in sources.items()]
    return {"destination_name": ends.get(destination, destination), "sources": made}


def chain(*names: str) -> list[dict[str, Any]]:
    """Return attachments that lead one field through these objects."""
    links, source, given = [], "start", "input"
    for name in names:
        links.append(link(name, **{source: f"{given}:input"}))
        source, given = name, "output"
    return [*links, link("end", **{source: "output:output"})]


class Bench:
    """A project on a server, through the client."""

    def __init__(self, url: str, project: str, folder: Path, token: str = "Token any") -> None:
        self.host = f"{url}/v2.1"
        self.project = project
        self.folder = folder
        configuration = ubiops.Configuration(host=self.host)
        configuration.api_key["Authorization"] = token
        configuration.auto_retry_rate_limiting = False
        self.api = ubiops.CoreApi(ubiops.ApiClient(configuration))

    @property
    def client(self) -> Any:
        """Return what the client's helpers take."""
        return self.api.api_client

    def file(self, content: bytes, name: str = "package.zip") -> str:
        """Return the path of a file with that content."""
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def deployment(self, name: str, takes: str = "input:int", gives: str = "output:int", **more: Any) -> Any:
        """Make a deployment; `plain` for a side without fields."""
        sides: dict[str, Any] = {}
        for side, text in (("input", takes), ("output", gives)):
            sides[f"{side}_type"] = "plain" if text == "plain" else "structured"
            sides[f"{side}_fields"] = [] if text == "plain" else fields(text)
        return self.api.deployments_create(self.project, ubiops.DeploymentCreate(name=name, **sides, **more))

    def version(self, name: str, version: str = "v1", **settings: Any) -> Any:
        """Make a version."""
        values = {"environment": "python3-11", **settings}
        return self.api.deployment_versions_create(
            self.project, name, ubiops.DeploymentVersionCreate(version=version, **values)
        )

    def upload(self, name: str, files: Mapping[str, str | bytes] | bytes, version: str = "v1") -> Any:
        """Send code and wait for what becomes of it; returns the revision."""
        content = files if isinstance(files, bytes) else zipped(files)
        made = self.api.revisions_file_upload(self.project, name, version, file=self.file(content), _progress_bar=False)

        def built() -> Any:
            found = self.api.revisions_get(self.project, name, made.revision, version)
            return found if found.status in ("success", "failed") else None

        return wait_for(built, 50)

    def deploy(self, name: str, source: str, takes: str = "input:int", gives: str = "output:int", **more: Any) -> None:
        """Make a deployment with a version that answers."""
        self.deployment(name, takes, gives)
        self.version(name, **more)
        assert self.upload(name, {"package/deployment.py": source}).status == "success"

    def pipeline(
        self, name: str, objects: list[Any], links: list[Any], takes: str = "input:int", gives: str = "output:int"
    ) -> None:
        """Make a pipeline with a version."""
        sides: dict[str, Any] = {}
        for side, text in (("input", takes), ("output", gives)):
            sides[f"{side}_type"] = "plain" if text == "plain" else "structured"
            sides[f"{side}_fields"] = [] if text == "plain" else fields(text)
        self.api.pipelines_create(self.project, ubiops.PipelineCreate(name=name, **sides))
        self.pipeline_version(name, objects, links)

    def pipeline_version(self, name: str, objects: list[Any], links: list[Any], version: str = "v1") -> Any:
        """Make a version of a pipeline."""
        data = ubiops.PipelineVersionCreate(version=version, objects=objects, attachments=links)
        return self.api.pipeline_versions_create(self.project, name, data)

    def ended(self, name: str, id: str, timeout_s: float = 30) -> Any:
        """Return a pipeline request when it has ended."""

        def look() -> Any:
            found = self.api.pipeline_requests_get(self.project, name, id)
            return found if found.status in FINAL else None

        return wait_for(look, timeout_s)

    def raw(self, verb: str, path: str, **options: Any) -> Any:
        """Send a request of our own making, below the project or, with a slash in front, below the host."""
        import requests

        session = requests.Session()
        session.trust_env = False
        base = self.host if path.startswith("/") else f"{self.host}/projects/{self.project}/"
        headers = {"Authorization": "Token any", **options.pop("headers", {})}
        return session.request(verb, base + path, headers=headers, timeout=60, **options)
