"""`DataFrame.mapInArrow` without pandas.

PySpark's own method asks for pandas (and so numpy: 100 MB in every executor's environment) before it does anything,
although nothing on this path uses it: batches go from Arrow to Arrow. Below is what that method does after asking.
"""

from collections.abc import Callable, Iterable

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType
from pyspark.sql.udf import UserDefinedFunction
from pyspark.util import PythonEvalType

ArrowMap = Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]


def map_in_arrow(frame: DataFrame, batches: ArrowMap, schema: StructType) -> DataFrame:
    """Return what `batches` makes of each partition of `frame`, as rows of `schema`."""
    function = UserDefinedFunction(batches, schema, evalType=PythonEvalType.SQL_MAP_ARROW_ITER_UDF)
    columns = function(*(frame[name] for name in frame.columns))
    return DataFrame(frame._jdf.mapInArrow(columns._jc, False, None), frame.sparkSession)
