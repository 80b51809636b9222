from tests.conformance.ubiops.cases.pipeline_requests import *  # noqa: F403
