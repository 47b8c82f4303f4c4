"""What `plexus identity evaluate` is made of: reading records, telling figures, drawing them."""
