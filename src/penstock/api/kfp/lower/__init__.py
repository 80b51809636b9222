"""From packages to graphs. Pure.

- `argo` `argo_tasks` `argo_work`   Argo Workflows: document, tasks of a dag, what a template does
- `argo_text` `argo_when`           their placeholders and conditions
- `ir` …                            pipeline specifications
- `members`                         reading documents of unknown making, with places in messages
"""

from penstock.api.kfp.lower import argo, ir
from penstock.api.kfp.packages import Package
from penstock.kernel.graph import Graph

__all__ = ["graph"]


def graph(package: Package) -> Graph:
    """Return what a run of the package executes.

    Raises: Invalid, UnsupportedFeature; both say where in the document.
    """
    if package.is_ir:
        return ir.graph(package.document, package.platforms)
    return argo.graph(package.document)
