"""The same job in Spark, local mode. Run by another Python that has pyspark; knows nothing of this project.

    python spark_job.py SALES SHOPS OUT CORES

Prints one line of JSON: seconds of the start of the session and of the job.
"""

import json
import sys
import time


def main(sales: str, shops: str, out: str, cores: str) -> None:
    """Run it."""
    began = time.perf_counter()
    from pyspark.sql import SparkSession  # type: ignore[import-not-found]
    from pyspark.sql import functions as f

    builder = SparkSession.builder.master(f"local[{cores}]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.memory", "6g").config("spark.sql.shuffle.partitions", cores)
    spark = (
        builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    started = time.perf_counter()
    sale = spark.read.csv(
        sales, header=True, schema="sale_id long, shop_id int, item string, amount double, quantity int"
    )
    shop = spark.read.csv(shops, header=True, schema="shop int, city string, region string")
    joined = sale.join(f.broadcast(shop), sale.shop_id == shop.shop)
    grouped = joined.groupBy("city", "region").agg(
        f.count("*").alias("n"),
        f.sum("amount").alias("total"),
        f.max("amount").alias("most"),
        f.avg("quantity").alias("mean"),
    )
    grouped.coalesce(1).write.csv(out)
    ended = time.perf_counter()
    print(json.dumps({"start_s": started - began, "job_s": ended - started}))
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
