from tests.conformance.ubiops.cases.resources import *  # noqa: F403
