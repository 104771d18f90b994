from .paired import main

main()
