"""What a person must look at, told by mail: endpoints that take nothing, payments that call somebody."""
