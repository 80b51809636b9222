from tests.conformance.ubiops.cases.pipeline_requests import *
