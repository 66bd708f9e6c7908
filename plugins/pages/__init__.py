"""The pages in Airflow's UI: views over small tables, each made of a few kinds of panels."""
