throw new NotSupportedException("the service host follows");
