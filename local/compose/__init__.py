"""What docker-compose.yaml needs beside the image: its `.env`, and the traffic of its profile `traffic`."""
