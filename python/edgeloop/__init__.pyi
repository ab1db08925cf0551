from edgeloop.api import bench as bench
from edgeloop.api import compare as compare
from edgeloop.api import compare_folders as compare_folders
from edgeloop.api import convert as convert
from edgeloop.api import coverage as coverage
from edgeloop.api import evaluate as evaluate
from edgeloop.api import inspect as inspect
from edgeloop.api import overhead as overhead
from edgeloop.api import profile as profile
from edgeloop.api import quantize as quantize

__version__: str

def get_include() -> str: ...
